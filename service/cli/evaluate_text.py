"""An evaluation as text, and what is said of the run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.records.evaluation import Cell, Evaluation, Goal, Measure
from service.verbs.evaluate import Evaluated


def evaluation_text(record: Evaluation) -> str:
    """The cells as a table, what differs, and the conclusion."""
    rows = sum(one["rows"] for one in record.data)
    lines = [f"evaluation {record.id[:12]}: {rows:,} rows, {len(record.cells)} combination(s) of variant and model"]
    without = sum(one.get("without_expected", 0) for one in record.data)
    if without:
        lines.append(f"{without:,} rows have no expected answer: measured only by what needs none")
    lines += _table(record.cells)
    for one in record.differences:
        lines.append(
            f"{one.measure}: {one.variant}/{one.model} against {one.than_variant}/{one.than_model}: "
            f"{one.difference:+.4f} ({one.low:+.4f} to {one.high:+.4f}), {one.rows:,} rows: {one.verdict}"
        )
    if not record.complete:
        lines.append("incomplete: rows were left unasked; the same command goes on")
    goal = f" ({_goal_words(record.goal)})" if record.goal else ""
    lines.append(f"{record.conclusion.status}{goal}: {record.conclusion.why}")
    return "\n".join(lines)


def _goal_words(goal: Goal) -> str:
    # only a goal needs the measures
    from service.verbs.evaluating.words import goal_words

    return goal_words(goal)


def run_lines(made: Evaluated, out: Path) -> Iterator[str]:
    """What was asked and paid, what failed, and where the answers are."""
    if made.from_before:
        yield f"nothing to ask: {out} holds the record of these inputs"
        return
    paid = f", {made.paid_usd:.4f} USD paid in all" if made.paid_usd else ""
    yield f"{made.asked:,} answers asked for, {made.cached:,} from {out}, {made.retried:,} tries repeated{paid}"
    for one in made.failures:
        left = "; nothing more was asked of it" if one.given_up else ""
        yield f"model {one.model}: {one.requests:,} x {one.code}: {one.meaning}{left}. {one.remedy}"
    if made.out_of_budget:
        yield "the budget is used up: what was paid for is kept, a larger --budget goes on in the same folder"
    yield f"{out} holds the answers' texts, readable by you only; the record holds none"


def _table(cells: list[Cell]) -> list[str]:
    """A column per cell, a line per figure."""
    names = list(dict.fromkeys(name for cell in cells for name in cell.measures))
    rows = [["variant", *(cell.variant for cell in cells)], ["model", *(cell.model for cell in cells)]]
    rows += [["answered", *(f"{cell.answered:,} of {cell.rows:,}" for cell in cells)]]
    rows += [[name, *(_measure(cell.measures.get(name)) for cell in cells)] for name in names]
    rows += [
        ["latency p50 s", *(_number(cell.latency_p50_s) for cell in cells)],
        ["latency p95 s", *(_number(cell.latency_p95_s) for cell in cells)],
        ["USD per 1,000", *(_number(cell.usd_per_1000) for cell in cells)],
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _measure(found: Measure | None) -> str:
    if found is None or found.value is None:
        return "-"
    between = f" ({found.low:.3f}-{found.high:.3f})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.3f}{between}"


def _number(found: float | None) -> str:
    return "-" if found is None else f"{found:.3f}"
