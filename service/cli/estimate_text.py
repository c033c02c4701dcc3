"""Estimates for people: a table per technique and the verdict per device, as text or markdown."""

from __future__ import annotations

from service.records.estimate import Estimate, Fit
from service.verbs.estimate_cost_words import cost_lines, cost_markdown
from service.verbs.estimate_words import judged, places_text

_TERMS_SHOWN = 4


def estimates_text(estimates: list[Estimate]) -> str:
    """One screen per model."""
    first = estimates[0]
    inputs = first.inputs
    lines = [
        (
            f"{first.model}: {first.assumptions['params']:,} parameters; {inputs['seq_len']} tokens x "
            f"micro-batch {inputs['micro_batch']}, {inputs['base_dtype']}, attention {inputs['attention']}, "
            f"checkpointing {'on' if inputs['checkpointing'] else 'off'} (for {first.assumptions['device']})"
        ),
        "",
        f"{'technique':<10}{'allocated':>11}{'P50 total':>11}{'P90 total':>11}  GiB, largest terms",
    ]
    for one in estimates:
        peak = one.peak
        lines.append(
            f"{one.technique:<10}{peak.allocated_gib:>11.2f}{peak.total_p50_gib:>11.2f}{peak.total_p90_gib:>11.2f}  "
            f"{_top(one)} (peak: {one.phase})"
        )
    lines += ["", _verdict_header(estimates)]
    for (gpu, count), fits in judged(estimates):
        cells = "".join(f"{_verdict(fit):>14}" for fit in fits)
        lines.append(f"{count} x {gpu:<18}{cells}")
    lines += ["", "fits: P90 within the device; tight: only P50; the number is GiB left at P90."]
    lines += ["", *places_text(estimates), ""]
    return "\n".join([*lines, *cost_lines(estimates), "", *_caveats(estimates)])


def estimates_markdown(estimates: list[Estimate]) -> str:
    """The same tables as markdown."""
    lines = [
        f"## Memory of fine-tuning {estimates[0].model}",
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
    return f"{'device':<22}" + "".join(f"{one.technique:>14}" for one in estimates)


def _verdict(fit: Fit | None) -> str:
    return f"{fit.verdict} {fit.headroom_gib:+.1f}" if fit else "not judged"


def _caveats(estimates: list[Estimate]) -> list[str]:
    defaults = ", ".join(f"{name} {value}" for name, value in estimates[0].assumptions["defaults"].items())
    reasons = dict.fromkeys(reason for one in estimates for reason in one.assumptions["unvalidated"])
    notes = dict.fromkeys(note for one in estimates for note in one.assumptions["notes"])
    return [
        f"Assumed: {defaults}." if defaults else "",
        *(f"Not validated: {reason}." for reason in reasons),
        *notes,
    ]
