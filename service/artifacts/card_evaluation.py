"""What a model card says of the evaluation: before and after, how sure that is, and whether the gate passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.records.evaluation import Measure
from service.records.manifest import Comparison, Evaluation


def evaluation_section(measured: Evaluation | None) -> list[str]:
    """The measures before and after, then the same per row with intervals, and what the gate says of them."""
    if measured is None or measured.before is None or measured.after is None:
        return ["No validation data was given."]
    compared = measured.comparison
    return [*_measures(measured.before, measured.after), *(_compared(compared) if compared is not None else [])]


def _compared(found: Comparison) -> list[str]:
    said = {"passed": "The gate passed", "failed": "The gate FAILED", None: "The gate is open"}[found.gate]
    lines = ["", f"{said}. {found.why}"]
    if not found.differences:
        return lines
    sure, resamples = f"{found.settings['confidence']:.0%}", found.settings["resamples"]
    head = (
        f"Means over rows; `row_loss` is in nats. In brackets what bounds each at {sure}, of differences by a paired "
        f"bootstrap of {resamples} resamples."
    )
    lines += [
        "",
        head,
        "",
        "| measure of a row | rows | before | after | difference | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for one in found.differences:
        cells = (_bounded(found.before[one.measure]), _bounded(found.after[one.measure]))
        difference = f"{one.difference:+.4g} [{one.low:+.4g}, {one.high:+.4g}]"
        lines.append(f"| {one.measure} | {one.rows} | {cells[0]} | {cells[1]} | {difference} | {one.verdict} |")
    return lines


def _bounded(one: Measure) -> str:
    if one.value is None or one.low is None or one.high is None:
        return number(one.value)
    return f"{one.value:.4g} [{one.low:.4g}, {one.high:.4g}]"


def _measures(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    rows = [f"On the validation rows, by {after.get('engine', 'torch')}.", "", "| measure | before | after |"]
    rows.append("|---|---|---|")
    for name, value in after.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "max_new_tokens":
            rows.append(f"| {name} | {number(before.get(name))} | {number(value)} |")
    rows += _each(before, after)
    for name, value in after.get("metrics", {}).items():
        rows.append(f"| {name} | {number(before.get('metrics', {}).get(name))} | {number(value)} |")
    for name, value in before.get("checks", {}).items():
        rows.append(f"| check `{name}` | {number(value)} | {number(after.get('checks', {}).get(name))} |")
    signatures = after.get("signatures", {})
    return rows + [f"\n{name} as sacrebleu counts it: `{signature}`." for name, signature in signatures.items()]


def _each(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The figures of each label, or of each kind of entity."""
    rows = []
    units = {"labels": "words" if "token_accuracy" in after else "rows", "entities": "entities"}
    for table, unit in units.items():
        for name, figures in after.get(table, {}).items():
            earlier, shown = before.get(table, {}).get(name, {}), name.replace("|", "/")
            for measure in ("precision", "recall", "f1"):
                values = f"{number(earlier.get(measure, 0.0))} | {number(figures[measure])}"
                rows.append(f"| {measure} of `{shown}` ({figures['support']} {unit}) | {values} |")
    return rows


def number(value: object) -> str:
    """Four digits of a fraction, anything else as it is."""
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
