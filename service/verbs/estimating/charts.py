"""estimate's charts: what memory is made of beside what the devices have, and how it goes over one step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from service.records.estimate import Estimate
from service.verbs.rendering.drawings import Line, curve, stacked
from service.verbs.rendering.elements import Inside, element, table

_MOST_PARTS, _MOST_LINES, _MOST_POINTS = 8, 5, 40
_REST, _RESERVE, _CONTEXT = "the rest", "allocator's reserve", "process context"


def breakdown(estimates: Sequence[Estimate]) -> ET.Element:
    """A bar per technique: the terms of the peak, then what the allocator keeps at P90, then the context."""
    stacks = _stacks(estimates)
    techniques = [one.technique for one in estimates]
    lines = _capacities(estimates)
    says = (
        "The tensors of the largest phase by what they are, then what the allocator keeps beyond them at P90, then the "
        "process itself; the sum is what one device must have."
    )
    title = "Memory at P90"
    # what a measurement leaves unexplained may be below nothing, which no bar can show; the table does
    bars = {name: [max(0.0, value) for value in values] for name, values in stacks.items()}
    drawn = stacked(title, says, bars, bars=techniques, lines=lines, unit="GiB")
    rows = [(name, *(f"{value:.2f}" for value in values)) for name, values in stacks.items()]
    rows.append(("total at P90", *(f"{one.peak.total_p90_gib:.2f}" for one in estimates)))
    numbers = table(f"{title}, GiB", ("part", *techniques), rows, numbers=range(1, len(techniques) + 1))
    return _figure(title, says, drawn, numbers, legend=list(stacks), lines=lines)


def timelines(estimates: Sequence[Estimate]) -> Iterator[ET.Element]:
    """A curve for each estimate whose step was run."""
    for one in estimates:
        if one.timeline:
            yield _timeline(one, one.timeline)


def _timeline(one: Estimate, points: Sequence[tuple[float, float]]) -> ET.Element:
    most = max(value for _, value in points)
    title = f"One step of {one.technique}"
    says = f"Tensors over the events of one simulated training step; the most is {most:.2f} GiB."
    lines = [line for line in _capacities([one]) if line.value < 2 * most]
    drawn = curve(title, says, points, lines=lines, unit="GiB")
    rows = [(f"{100 * at:.0f} %", f"{value:.2f}") for at, value in _largest_of_each_part(points)]
    head = ("up to this share of the step", "most GiB")
    return _figure(title, says, drawn, table(title, head, rows, numbers=(1,)), legend=[], lines=lines)


def _figure(
    title: str, says: str, drawn: ET.Element, numbers: Inside, *, legend: Sequence[str], lines: Sequence[Line]
) -> ET.Element:
    keys = [element("li", element("span", class_=f"key color-{i}"), name) for i, name in enumerate(legend)]
    keys += [element("li", element("span", class_="key capacity"), f"{line.label} GiB: {line.owner}") for line in lines]
    return element(
        "figure",
        element("figcaption", element("strong", title), f" {says}"),
        drawn,
        element("ul", *keys, class_="legend"),
        element("details", element("summary", "As a table"), numbers),
    )


def _stacks(estimates: Sequence[Estimate]) -> dict[str, list[float]]:
    """The parts with a value per estimate, the largest parts first, the small ones together."""
    terms = [{term.term: term.gib for term in one.breakdown} for one in estimates]
    names = dict.fromkeys(name for one in terms for name in one)
    by_size = sorted(names, key=lambda name: (-max(one.get(name, 0.0) for one in terms), name))
    shown, rest = by_size[:_MOST_PARTS], by_size[_MOST_PARTS:]
    stacks = {name: [one.get(name, 0.0) for one in terms] for name in shown}
    if rest:
        stacks[f"{_REST} ({', '.join(rest)})"] = [sum(one.get(name, 0.0) for name in rest) for one in terms]
    stacks[_RESERVE] = [one.peak.reserved_p90_gib - one.peak.allocated_gib for one in estimates]
    stacks[_CONTEXT] = [one.peak.context_gib for one in estimates]
    return stacks


def _capacities(estimates: Sequence[Estimate]) -> list[Line]:
    """The capacities to draw: of the named devices, else of the smallest GPU that each technique fits on."""
    named = estimates[0].inputs.get("gpu") is not None
    found: dict[float, dict[str, None]] = {}
    for one in estimates:
        sizes = [
            (fit.capacity_gib, fit.gpu)
            for fit in one.fits
            if fit.capacity_gib and (named or (fit.verdict == "fits" and fit.gpu != "cpu"))
        ]
        for capacity, gpu in sizes if named else sorted(sizes)[:1]:
            found.setdefault(capacity, {})[gpu] = None
    lines = [Line(capacity, f"{capacity:.4g}", ", ".join(owners)) for capacity, owners in found.items()]
    return sorted(lines[:_MOST_LINES], key=lambda line: line.value)


def _largest_of_each_part(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """At most so many rows: the end of each part of the step with the most in it."""
    size = -(-len(points) // _MOST_POINTS)
    for start in range(0, len(points), size):
        part = points[start : start + size]
        yield part[-1][0], max(value for _, value in part)
