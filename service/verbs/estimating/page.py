"""estimate, as a page: what fits where, what the memory is made of, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from service.estimate.smallest import cheapest
from service.lint.outputs.groups import printable
from service.records.estimate import Estimate, EstimateSet, Fit
from service.verbs.estimating.charts import breakdown, timelines
from service.verbs.estimating.cost_words import CostWords
from service.verbs.estimating.page_style import STYLE
from service.verbs.estimating.shared import assumed, device_text, notes, reasons, run_text
from service.verbs.estimating.words import (
    cheapest_text,
    judged,
    one_batch,
    one_length,
    place_text,
    refusals,
    sizes,
    smallest_text,
    sources,
    unjudged,
    verdict_text,
)
from service.verbs.rendering.elements import Inside, element, markup, table
from service.verbs.rendering.pages import page_frame

_LONGEST_NAME = 120


def html(answer: Estimate | EstimateSet) -> str:
    """One file that needs nothing else; it says the same for the same answer, so it has no date."""
    estimates = answer.estimates if isinstance(answer, EstimateSet) else [answer]
    title = _headline(estimates)
    fits = any(fit.verdict == "fits" for one in estimates for fit in one.fits) or cheapest(estimates) is not None
    body = element(
        "main",
        element(
            "header", element("h1", title), element("p", _sentence(estimates)),
            class_=f"verdict {'pass' if fits else 'fail'}",
        ),
        _section("What fits", _verdicts(estimates)),
        _section("How much memory", _techniques(estimates), breakdown(estimates)),
        *_timelines(estimates),
        *_sizes(estimates),
        _section("The smallest machine to rent", *_places(estimates)),
        _section("Time and money", *_cost(estimates)),
        *_basis(estimates),
    )  # fmt: skip
    foot = element("footer", f"Estimates {', '.join(one.id for one in estimates)}.")
    return page_frame(f"tunegate estimate: {title}", markup([body, foot]), style=STYLE)


def _model(estimates: Sequence[Estimate]) -> str:
    name = printable(estimates[0].model)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _headline(estimates: Sequence[Estimate]) -> str:
    first, model = estimates[0], _model(estimates)
    if len(estimates) > 1:
        found = cheapest(estimates)
        if found is None:
            return f"{model}: nothing fits"
        sharded = "" if found.place.sharding == "none" else f", sharded over {found.place.gpus_used} GPUs"
        return f"{model}: {found.technique} is the cheapest that fits{sharded}"
    if len(first.fits) == 1:
        fit = first.fits[0]
        verdict = {"fits": "fits on", "tight": "is tight on", "no": "does not fit on"}[fit.verdict]
        return f"{model}: {_technique(first)} {verdict} {fit.count} x {fit.gpu}"
    holding = sum(fit.verdict == "fits" for fit in first.fits)
    return f"{model}: {_technique(first)} fits on {holding} of {len(first.fits)} kinds of device"


def _sentence(estimates: Sequence[Estimate]) -> str:
    first = estimates[0]
    run = f"{first.assumptions['params']:,} parameters, {run_text(estimates)}, worked out for {device_text(estimates)}."
    return f"{run} {cheapest_text(estimates)}" if len(estimates) > 1 else f"{run} Smallest: {smallest_text(first)}."


def _verdicts(estimates: Sequence[Estimate]) -> Inside:
    rows = [
        (f"{count} x {gpu}", _capacity(fits), *(_verdict(fit) for fit in fits))
        for (gpu, count), fits in judged(estimates)
    ]
    caption = "GiB left at P90. fits: P90 is within the device; tight: only the median is."
    return table(caption, ("device", "GiB each", *(_technique(one) for one in estimates)), rows, numbers=(1,))


def _capacity(fits: Sequence[Fit | None]) -> str:
    known = next((fit.capacity_gib for fit in fits if fit and fit.capacity_gib), None)
    return "" if known is None else f"{known:.2f}"


def _verdict(fit: Fit | None) -> Inside:
    if fit is None:
        return "not judged"
    said = verdict_text(fit).removeprefix(fit.verdict).strip()
    return element("span", element("span", fit.verdict, class_=f"badge {fit.verdict}"), f" {said}")


def _techniques(estimates: Sequence[Estimate]) -> Inside:
    rows = [
        (
            _technique(one),
            f"{one.peak.allocated_gib:.2f}",
            f"{one.peak.total_p50_gib:.2f}",
            f"{one.peak.total_p90_gib:.2f}",
            f"{one.host_ram_gib:.2f}",
            one.phase,
            f"{one.evidence}, {'validated' if one.validated else 'not validated'}",
        )
        for one in estimates
    ]
    head = ("technique", "tensors", "total P50", "total P90", "host RAM", "peak in phase", "evidence")
    return table("GiB per device", head, rows, numbers=(1, 2, 3, 4))


def _cost(estimates: Sequence[Estimate]) -> Iterator[Inside]:
    words = CostWords(estimates)
    if words.rows:
        yield table(words.heading, ("device", *words.techniques), [(name, *cells) for name, cells in words.rows])
    else:
        yield element("p", words.heading)
    if words.remarks:
        yield element("ul", *(element("li", line) for line in words.remarks))


def _timelines(estimates: Sequence[Estimate]) -> Iterator[ET.Element]:
    drawn = list(timelines(estimates))
    if drawn:
        yield _section("Over one step", *drawn)


def _sizes(estimates: Sequence[Estimate]) -> Iterator[ET.Element]:
    rows = [
        (technique, device, f"{fit.max_micro_batch:,}", f"{fit.max_seq_len:,}")
        for technique, device, fit in sizes(estimates)
    ]
    if rows:
        rows_at, tokens_at = f"rows at {one_length(estimates)} tokens", f"tokens at micro-batch {one_batch(estimates)}"
        head = ("technique", "device", rows_at, tokens_at)
        caption = "Each with the other settings as they are; 0: not even one."
        yield _section("The largest that still fits at P90", table(caption, head, rows, numbers=(2, 3)))


def _places(estimates: Sequence[Estimate]) -> Iterator[Inside]:
    yield table(
        "Of the Azure machines in the rules: on one GPU, else sharded over all GPUs of one machine",
        ("technique", "machine"),
        [(_technique(one), smallest_text(one)) for one in estimates],
    )
    found = cheapest(estimates)
    if len(estimates) > 1 and found:
        yield element("p", f"Cheapest that fits: {found.technique} on {place_text(found.place)}.")
    missing = unjudged(estimates)
    if missing:
        yield element("p", missing)
    yield from (element("p", element("small", f"Prices: {source}.")) for source in sources(estimates))


def _basis(estimates: Sequence[Estimate]) -> Iterator[ET.Element]:
    if found := reasons(estimates):
        yield _section("What was not validated", element("ul", *(element("li", reason) for reason in found)))
    defaults = [(name, printable(value)) for name, value in assumed(estimates)]
    named = dict.fromkeys((term.term, term.source) for one in estimates for term in one.breakdown)
    yield _section(
        "What it rests on",
        element("ul", *(element("li", note) for note in [*refusals(estimates), *notes(estimates)])),
        _folded("Assumed", table("Settings that nobody gave: our trainer's own", ("setting", "value"), defaults)),
        _folded("Sources of the terms", table("Where each formula or figure is from", ("term", "source"), list(named))),
    )


def _technique(one: Estimate) -> str:
    """The technique, with the method's name where it is one of peft's."""
    method = (one.inputs.get("peft") or {}).get("peft_type") if one.technique == "peft" else None
    return f"{one.technique} ({printable(str(method))[:40]})" if method else one.technique


def _folded(summary: str, inside: Inside) -> ET.Element:
    return element("details", element("summary", summary), inside)


def _section(heading: str, *inside: Inside) -> ET.Element:
    return element("section", element("h2", heading), *inside)
