"""Estimates for people: a table per technique and the verdict per device, as text or markdown."""

from __future__ import annotations

from service.records.estimate import Estimate, Fit
from service.verbs.estimating.cost_words import cost_lines, cost_markdown
from service.verbs.estimating.shared import assumed, device_text, notes, reasons, run_text
from service.verbs.estimating.words import judged, places_text, verdict_text

_TERMS_SHOWN = 4


def estimates_text(estimates: list[Estimate]) -> str:
    """One screen per model."""
    lines = [
        _header(estimates),
        "",
        f"{'technique':<10} {'allocated':>10} {'P50 total':>10} {'P90 total':>10}  GiB, largest terms",
    ]
    for one in estimates:
        peak = one.peak
        lines.append(
            f"{one.technique:<10} {peak.allocated_gib:>10.2f} {peak.total_p50_gib:>10.2f} {peak.total_p90_gib:>10.2f}  "
            f"{_top(one)} (peak: {one.phase})"
        )
    lines += ["", _verdict_header(estimates)]
    for (gpu, count), fits in judged(estimates):
        cells = "".join(f" {_verdict(fit):>13}" for fit in fits)
        lines.append(f"{f'{count} x {gpu}':<22}{cells}")
    lines += ["", "fits: P90 within the device; tight: only P50; the number is GiB left at P90."]
    lines += ["", *places_text(estimates), ""]
    return "\n".join([*lines, *cost_lines(estimates), "", *_caveats(estimates)])


def estimates_markdown(estimates: list[Estimate]) -> str:
    """The same tables as markdown."""
    lines = [
        f"## Memory of fine-tuning {estimates[0].model}",
        "",
        f"{_header(estimates)}.",
        "",
        "| technique | allocated GiB | total P50 GiB | total P90 GiB | peak in | largest terms |",
        "|---|---|---|---|---|---|",
    ]
    for one in estimates:
        peak = one.peak
        lines.append(
            f"| {one.technique} | {peak.allocated_gib:.2f} | {peak.total_p50_gib:.2f} | {peak.total_p90_gib:.2f} "
            f"| {one.phase} | {_top(one)} |"
        )
    names = " | ".join(one.technique for one in estimates)
    lines += ["", f"| device | {names} |", "|---" * (len(estimates) + 1) + "|"]
    for (gpu, count), fits in judged(estimates):
        lines.append(f"| {count} x {gpu} | {' | '.join(_verdict(fit) for fit in fits)} |")
    lines += ["", *(f"- {line}" for line in places_text(estimates)), "", *cost_markdown(estimates)]
    return "\n".join([*lines, "", *(f"- {line}" for line in _caveats(estimates) if line)])


def _top(one: Estimate) -> str:
    largest = sorted(one.breakdown, key=lambda term: -term.gib)[:_TERMS_SHOWN]
    return ", ".join(f"{term.term} {term.gib:.2f}" for term in largest)


def _verdict_header(estimates: list[Estimate]) -> str:
    return f"{'device':<22}" + "".join(f" {one.technique:>13}" for one in estimates)


def _verdict(fit: Fit | None) -> str:
    return verdict_text(fit) if fit else "not judged"


def _header(estimates: list[Estimate]) -> str:
    first = estimates[0]
    parameters = f"{first.assumptions['params']:,} parameters"
    return f"{first.model}: {parameters}; {run_text(estimates)}; figures for {device_text(estimates)}"


def _caveats(estimates: list[Estimate]) -> list[str]:
    defaults = "; ".join(f"{name} {value}" for name, value in assumed(estimates))
    return [
        f"Assumed: {defaults}." if defaults else "",
        *(f"Not validated: {reason}." for reason in reasons(estimates)),
        *notes(estimates),
    ]
