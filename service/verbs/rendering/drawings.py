"""drawings: charts of the library as elements of our pages: no script, no style and no name of its own in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import msgspec

from service.verbs.rendering.elements import element

if TYPE_CHECKING:
    import pygal

# in the units of the drawing; a telephone of 360 pixels shows three quarters of a pixel for each
_WIDTH, _BAR, _AXIS, _TALL = 430, 34, 36, 200
_ROW = 24
_LETTER, _MARGIN = 8, 24
# the share of an axis that a label takes
_ROOM = 1 / 9
# how far the axis goes on after the largest value
_BEYOND = 1.04
_GONE = ("defs", "desc", "title")
_GONE_CLASSES = ("overlay", "background", "titles")
_KEPT = ("x", "y", "width", "height", "d", "class", "transform", "viewBox")
_TICKS = 4
# half the height of a mark, as a share of the room of a row
_MARK = 0.28
# marks the label of a line among the axis's own, and is taken off again
_LINE = "\u2502"


class Line(msgspec.Struct, frozen=True):
    """A line across a drawing, at a value of its axis; `owner` is what has the value, for the legend."""

    value: float
    label: str
    owner: str


def stacked(
    title: str,
    says: str,
    stacks: Mapping[str, Sequence[float]],
    *,
    bars: Sequence[str],
    lines: Sequence[Line],
    unit: str,
) -> ET.Element:
    """Horizontal bars, each of the same parts one after the other; `stacks` are the parts, a value per bar."""
    import pygal

    longest = max(sum(parts) for parts in zip(*stacks.values(), strict=True))
    end = _BEYOND * (max([longest, *(line.value for line in lines)]) or 1.0)
    # the library draws the first bar at the bottom
    chart = pygal.HorizontalStackedBar(
        **_plain(_AXIS + _BAR * len(bars), left=_LETTER * max(map(len, bars))),
        x_labels=[*reversed(bars)],
        y_labels=_labels(end, lines),
        range=(0, end),
        formatter=lambda value: f"{value:.2f} {unit}",
        spacing=0,
    )
    for name, values in stacks.items():
        chart.add(name, [*reversed(values)])
    return _taken_over(chart, title, says, names=list(stacks))


def curve(
    title: str, says: str, points: Sequence[tuple[float, float]], *, lines: Sequence[Line], unit: str
) -> ET.Element:
    """A value over a share of 0 to 1, the area under it filled."""
    import pygal

    end = _BEYOND * (max([*(value for _, value in points), *(line.value for line in lines)]) or 1.0)
    labels = _labels(end, lines)
    chart = pygal.XY(
        **_plain(_TALL, left=_LETTER * max(len(one["label"]) for one in labels)),
        fill=True,
        show_dots=False,
        x_labels=[{"value": share / 4, "label": f"{25 * share} %"} for share in range(5)],
        xrange=(0, 1),
        y_labels=labels,
        range=(0, end),
        formatter=lambda value: f"{value:.2f} {unit}",
    )
    chart.add(title, list(points))
    return _taken_over(chart, title, says, names=[title])


def _plain(height: int, *, left: int) -> dict[str, Any]:
    return {
        "js": (), "css": (), "disable_xml_declaration": True, "explicit_size": False, "show_legend": False,
        "width": _WIDTH, "height": height, "margin": _MARGIN, "margin_left": left, "margin_top": 8,
        "margin_bottom": 10, "truncate_label": -1, "print_values": False,
    }  # fmt: skip


def _labels(end: float, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Round values along the axis where no line is near, and the lines; one too near to another has no words."""
    room = end * _ROOM
    step = _round_step(end / _TICKS)
    ticks = [step * i for i in range(int(end / step) + 1)]
    free = [tick for tick in ticks if all(abs(tick - line.value) > room for line in lines)]
    made = [{"value": tick, "label": f"{tick:g}"} for tick in free]
    made += [] if 0 in free else [{"value": 0, "label": ""}]
    last = -end
    for line in sorted(lines, key=lambda one: one.value):
        near = line.value - last < room
        made.append({"value": line.value, "label": f"{_LINE}{'' if near else line.label}"})
        last = last if near else line.value
    return made


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, the first that is not below `least`."""
    power = 10.0 ** floor(log10(least))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= least), 10 * power)


def _taken_over(chart: pygal.Graph, title: str, says: str, *, names: Sequence[str]) -> ET.Element:
    """The library's drawing with our words for it, and nothing in it that the page's own style does not know."""
    drawn = ET.fromstring(chart.render())  # noqa: S314
    _named(drawn, names)
    _clean(drawn)
    _raise_lines(drawn)
    name = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
    drawn.attrib |= {"class": "drawn", "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    drawn.insert(0, element("title", title, id=f"{name}-title"))
    drawn.insert(1, element("desc", says, id=f"{name}-desc"))
    return drawn


def _raise_lines(drawn: ET.Element) -> None:
    """The lines lie over what they are compared with, in a group of their own; a label's mark goes."""
    for plot in drawn.iter("g"):
        axes = [one for one in plot if one.get("class", "").startswith("axis")]
        for axis in axes:
            lines = [one for one in axis if any((part.text or "").startswith(_LINE) for part in one)]
            over = element("g", *lines, class_=f"{axis.get('class')} over")
            for line in lines:
                axis.remove(line)
                for part in line:
                    part.text = (part.text or "").removeprefix(_LINE)
            if lines:
                plot.append(over)


def _named(drawn: ET.Element, names: Sequence[str]) -> None:
    """Every part of a bar says what it is when it is pointed at."""
    for serie in drawn.iter():
        found = re.search(r"\bserie-(\d+)", serie.get("class", ""))
        for bar in serie.iter() if found else ():
            said = {one.get("class"): one.text or "" for one in bar if _tag(one) == "desc"}
            shape = next((one for one in bar if _tag(one) == "rect"), None)
            if found and shape is not None and "value" in said:
                text = f"{names[int(found[1])]}: {said['value']} ({said.get('x_label', '')})"
                shape.append(element("hint", text))


def _clean(part: ET.Element) -> None:
    part.tag = _tag(part)
    part.tail = None
    part.attrib = {name: _short(value) for name, value in part.attrib.items() if name in _KEPT}
    for child in list(part):
        classes = child.get("class", "")
        if not isinstance(child.tag, str) or _tag(child) in _GONE or any(one in classes for one in _GONE_CLASSES):
            part.remove(child)
            continue
        _clean(child)
        if child.tag == "g" and not len(child):
            part.remove(child)
    if part.tag == "hint":
        part.tag = "title"


def _tag(part: ET.Element) -> str:
    return part.tag.rpartition("}")[2]


def _short(value: str) -> str:
    """Numbers with two digits after the point: hundredths of a pixel."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)


class Span(msgspec.Struct, frozen=True):
    """A value with what bounds it, under a name; no bounds where nothing is known of them."""

    name: str
    value: float
    low: float | None
    high: float | None


def spans(title: str, says: str, values: Sequence[Span], *, lines: Sequence[Line], end: float) -> ET.Element:
    """Values one under another, each a mark on the line from its lower to its upper bound, on an axis from 0."""
    import pygal

    places = range(len(values), 0, -1)
    chart = pygal.XY(
        **_plain(_AXIS + _ROW * len(values), left=8 + 2 * max(len(one.name) for one in values)),
        show_dots=False,
        x_labels=_labels(end, lines),
        y_labels=[{"value": place, "label": one.name} for place, one in zip(places, values, strict=True)],
        xrange=(0, end),
        range=(0.5, len(values) + 0.5),
    )
    for place, one in zip(places, values, strict=True):
        low, high = (one.value if bound is None else bound for bound in (one.low, one.high))
        chart.add("", [(low, place), (high, place)])
        chart.add("", [(one.value, place - _MARK), (one.value, place + _MARK)])
    return _taken_over(chart, title, says, names=[""] * 2 * len(values))
