"""Words for what an estimate says of devices and machines, shared by the text and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.estimate.smallest import cheapest
from service.records.estimate import Estimate, Fit, Place

# (device, how many of it)
Device = tuple[str, int]


def judged(estimates: Sequence[Estimate]) -> list[tuple[Device, list[Fit | None]]]:
    """Every device with the verdict of each estimate; None where a simulation did not judge it."""
    tables = [{(fit.gpu, fit.count): fit for fit in one.fits} for one in estimates]
    devices = dict.fromkeys(device for table in tables for device in table)
    return [(device, [table.get(device) for table in tables]) for device in devices]


def place_text(place: Place) -> str:
    """The place with what is used of it and what it costs."""
    sharding = "" if place.sharding == "none" else f" with ZeRO-{place.sharding.removeprefix('zero')}"
    needs = f"{place.total_p90_gib:.1f} GiB per GPU at P90"
    tight = ", tight" if place.verdict == "tight" else ""
    if place.machine is None:
        return f"{place.gpus_used} x {place.gpu}{sharding}, {needs}{tight}, no price known"
    price = "no price known" if place.usd_per_hour is None else f"{place.usd_per_hour:g} USD an hour"
    used = f"{place.gpus_used} of its {place.count} x {place.gpu}"
    return f"{place.machine}, {used}{sharding}, {needs}{tight}, {price}"


def smallest_text(one: Estimate) -> str:
    """The smallest machine, or why there is none."""
    if one.smallest is not None:
        return place_text(one.smallest)
    return one.no_smallest or "not worked out"


def cheapest_text(estimates: Sequence[Estimate]) -> str:
    """One sentence on the technique to take where money decides."""
    found = cheapest(estimates)
    named = "there" if estimates[0].inputs.get("gpu") is not None else "on an Azure machine"
    if found is None:
        return f"None of these techniques fits {named}."
    return f"Cheapest that fits {named}: {found.technique} on {place_text(found.place)}."


def unjudged(estimates: Sequence[Estimate]) -> str | None:
    """The cheaper machines of which nothing is known, in a sentence."""
    names = dict.fromkeys(name for one in estimates if one.smallest for name in one.smallest.cheaper_unjudged)
    said = "Cheaper, but not judged, because the memory of their GPUs is not in the table of devices"
    return f"{said}: {', '.join(names)}." if names else None


def sources(estimates: Sequence[Estimate]) -> list[str]:
    """Where the prices are from."""
    places = [one.smallest for one in estimates if one.smallest is not None]
    return list(dict.fromkeys(place.source for place in places if place.source))


def sizes(estimates: Sequence[Estimate]) -> Iterator[tuple[str, str, Fit]]:
    """(technique, device, verdict) where the largest sizes that fit were solved."""
    for one in estimates:
        for fit in one.fits:
            if fit.max_micro_batch is not None and fit.max_seq_len is not None:
                yield one.technique, f"{fit.count} x {fit.gpu}", fit


def verdict_text(fit: Fit) -> str:
    """The verdict with what is left at P90."""
    return "cannot run" if fit.why else f"{fit.verdict} {fit.headroom_gib:+.1f}"


def refusals(estimates: Sequence[Estimate]) -> list[str]:
    """Why devices cannot run it at all, a line for each reason and set of techniques."""
    seen: dict[tuple[str, str], list[str]] = {}
    for one in estimates:
        for fit in one.fits:
            if fit.why:
                seen.setdefault((fit.gpu, fit.why), []).append(one.technique)
    lines: dict[tuple[str, str], list[str]] = {}
    for (gpu, why), techniques in seen.items():
        lines.setdefault((", ".join(techniques), why), []).append(gpu)
    return [f"Cannot run {names} on {', '.join(gpus)}: {why}." for (names, why), gpus in lines.items()]


def places_text(estimates: Sequence[Estimate]) -> list[str]:
    """Refusals, the smallest machines, the cheapest technique and the largest sizes, one to a line."""
    lines = refusals(estimates)
    smallest: dict[str, list[str]] = {}
    for one in estimates:
        smallest.setdefault(smallest_text(one), []).append(one.technique)
    lines += [f"Smallest Azure machine for {', '.join(names)}: {text}." for text, names in smallest.items()]
    if len(estimates) > 1:
        lines.append(cheapest_text(estimates))
    missing = unjudged(estimates)
    lines += [missing] if missing else []
    lines += [f"Prices: {source}." for source in sources(estimates)]
    lines += [
        f"Largest that fits at P90, {technique} on {device}: micro-batch {fit.max_micro_batch} at "
        f"{one_length(estimates)} tokens, or {fit.max_seq_len:,} tokens at micro-batch {one_batch(estimates)}."
        for technique, device, fit in sizes(estimates)
    ]
    return lines


def one_length(estimates: Sequence[Estimate]) -> str:
    """Tokens per row, as asked or assumed."""
    return f"{estimates[0].inputs['seq_len']:,}"


def one_batch(estimates: Sequence[Estimate]) -> str:
    """Rows per pass, as asked or assumed."""
    return f"{estimates[0].inputs['micro_batch']:,}"
