"""What the figures say: the cheapest kind of change that meets the goal, in words that hold the figures."""

from __future__ import annotations

from collections.abc import Sequence

from service.evaluate.measures.catalogue import REGRESSION, measure_of
from service.evaluate.standing import (
    FEW_SHOT,
    FLOW,
    PROMPT,
    RAG,
    TUNED,
    Ranks,
    affordable,
    judged_by,
    quality,
    rows_needed,
    standing,
)
from service.records.evaluation import Cell, Conclusion, Goal, Measure

_SAID = {
    PROMPT: "prompting",
    FEW_SHOT: "few-shot",
    RAG: "retrieval",
    FLOW: "a flow of prompts",
    TUNED: "the tuned model",
}
_MOST_ROWS = 1_000_000
_NAMES = {
    "token_f1": "token F1", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L", "bleu": "BLEU",
    "chrf": "chrF", "consistency_f1": "consistency (token F1)", "consistency_perturbed": "consistency, reworded",
    "consistency_perturbed_f1": "consistency, reworded (token F1)", "grounded_ngrams": "groundedness (overlap)",
    "grounded_rouge2": "groundedness (ROUGE-2 precision)", "judged": "judge's score",
    "schema_valid": "JSON Schema kept", "pattern_match": "expression kept", "consistency_exact": "consistency (equal)",
}  # fmt: skip


def conclude(cells: Sequence[Cell], goal: Goal | None, ranks: Ranks) -> Conclusion:
    """Met, not met, or not enough rows to tell; never a guess from a value without its interval.

    A cell that cannot have the goal's measure (it was asked for no samples, say) decides nothing.
    """
    if goal is None:
        return Conclusion(status="no-goal", why="No goal was asked for: name a measure and how much of it is enough.")
    by_order = sorted((one for one in cells if judged_by(one, goal)), key=ranks.order)
    meeting = [one for one in by_order if standing(one, goal) == "meets"]
    if meeting:
        return _met(meeting[0], by_order, goal, ranks)
    open_ = [one for one in by_order if standing(one, goal) == "open"]
    if open_ or not by_order:
        return _open(open_, goal, ranks)
    return _not_met(by_order, goal, ranks)


def best_untuned(cells: Sequence[Cell], goal: Goal, ranks: Ranks) -> Cell | None:
    """The cell without tuning that comes nearest to the goal, of equals the cheapest."""
    found = [one for one in cells if ranks[one.variant] < TUNED and _value(one, goal) is not None]
    sign = -1 if measure_of(goal.measure).better == "lower" else 1
    return min(found, key=lambda one: (-sign * (_value(one, goal) or 0.0), ranks.order(one)), default=None)


def measure_words(name: str) -> str:
    """A measure's name as words."""
    plain = name.removeprefix(REGRESSION)
    plain = _NAMES.get(plain) or plain.replace("_", " ")
    return f"{plain} on the regression set" if name.startswith(REGRESSION) else plain


def figures(measure: Measure) -> str:
    """A value with its interval, as it is written everywhere."""
    if measure.value is None:
        return "not measured"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f} [{measure.low:.2f}, {measure.high:.2f}]"


def _value(cell: Cell, goal: Goal) -> float | None:
    found = cell.measures.get(goal.measure)
    return None if found is None else found.value


def _met(cell: Cell, cells: Sequence[Cell], goal: Goal, ranks: Ranks) -> Conclusion:
    enough = "reaches the goal" if ranks[cell.variant] == FLOW else "is enough"
    why = f"{_kind(cell, ranks)} {enough}: {_figures(cell, goal)} {_against(goal)} ({_named(cell)})."
    unsure = [one for one in cells if ranks[one.variant] < ranks[cell.variant] and standing(one, goal) == "open"]
    if unsure:
        why += f" {_kind(unsure[0], ranks).capitalize()} may be enough too: {_figures(unsure[0], goal)}"
        why += f"{_would_tell(unsure[0], goal)}."
    return Conclusion(status="met", variant=cell.variant, model=cell.model, why=why[0].upper() + why[1:])


def _open(cells: Sequence[Cell], goal: Goal, ranks: Ranks) -> Conclusion:
    if not cells:
        why = f"Not one row could be judged by {measure_words(goal.measure)}: give the rows what it needs."
        return Conclusion(status="not-enough-rows", why=why)
    cell = next((one for one in cells if _value(one, goal) is not None), None)
    if cell is None:
        why = f"{_named(cells[0])} has no answer to any row that {measure_words(goal.measure)} judges: ask them first."
        return Conclusion(status="not-enough-rows", why=why)
    measure = cell.measures[goal.measure]
    why = f"{_kind(cell, ranks)} has {_figures(cell, goal)} on {measure.rows} row(s)"
    if quality(cell, goal) != "open":
        why += " and what it costs or how long it takes was not measured: give the model's prices"
    elif measure.missing:
        why += f", and {measure.missing} row(s) have no answer: with them it could be on either side of the "
        why += f"{goal.at_least:.2f} that you ask. Ask them first"
    else:
        why += f": the {goal.at_least:.2f} that you ask lies inside the interval{_would_tell(cell, goal)}"
    return Conclusion(status="not-enough-rows", why=f"{why[0].upper()}{why[1:]}.")


def _not_met(cells: Sequence[Cell], goal: Goal, ranks: Ranks) -> Conclusion:
    dear = next((one for one in cells if quality(one, goal) == "meets" and affordable(one, goal) == "short"), None)
    if dear is not None:
        why = f"{_kind(dear, ranks)} answers well enough ({_figures(dear, goal)} {_against(goal)}) but "
        why += f"{_beyond(dear, goal)}: a smaller model tuned for the task is worth a try."
        return Conclusion(status="not-met", why=why[0].upper() + why[1:])
    best = best_untuned(cells, goal, ranks)
    ranked = {ranks[one.variant] for one in cells}
    if best is None:
        why = f"The tuned model stays at {_figures(_nearest(cells, goal), goal)} {_against(goal)}."
        return Conclusion(status="not-met", why=why)
    what = "prompting" if ranks[best.variant] == PROMPT else f"prompting, {_kind(best, ranks)} included,"
    why = f"{what} stays at {figures(best.measures[goal.measure])} {measure_words(goal.measure)} {_against(goal)}: "
    return Conclusion(status="not-met", why=f"{why[0].upper()}{why[1:]}{_next(ranked, cells, goal, ranks)}.")


def _next(ranked: set[int], cells: Sequence[Cell], goal: Goal, ranks: Ranks) -> str:
    if TUNED in ranked:
        tuned = _nearest([one for one in cells if ranks[one.variant] == TUNED], goal)
        return (
            f"the tuned model too, at {figures(tuned.measures[goal.measure])}; look at its data before you tune again"
        )
    if FEW_SHOT not in ranked:
        return "examples in the prompt were not measured yet; then fine-tune is worth a try"
    return "fine-tune is worth a try"


def _nearest(cells: Sequence[Cell], goal: Goal) -> Cell:
    sign = -1 if measure_of(goal.measure).better == "lower" else 1
    return max(cells, key=lambda one: sign * (_value(one, goal) or 0.0))


def _figures(cell: Cell, goal: Goal) -> str:
    return f"{measure_words(goal.measure)} {figures(cell.measures[goal.measure])}"


def _against(goal: Goal) -> str:
    most = "at most " if measure_of(goal.measure).better == "lower" else ""
    return f"against the {most}{goal.at_least:.2f} that you ask"


def _beyond(cell: Cell, goal: Goal) -> str:
    said = []
    if goal.usd_per_1000 is not None and cell.usd_per_1000 is not None and cell.usd_per_1000 > goal.usd_per_1000:
        said.append(f"costs {cell.usd_per_1000:.2f} USD per 1,000 answers against {goal.usd_per_1000:.2f}")
    if goal.latency_p95_s is not None and cell.latency_p95_s is not None and cell.latency_p95_s > goal.latency_p95_s:
        said.append(f"takes {cell.latency_p95_s:.2f} s (p95) against {goal.latency_p95_s:.2f} s")
    return " and ".join(said)


def _would_tell(cell: Cell, goal: Goal) -> str:
    rows = rows_needed(cell, goal)
    if rows is None:
        return "; it is at the goal itself, so no number of rows tells"
    return "; more rows than anybody has would tell" if rows > _MOST_ROWS else f"; about {rows:,} rows would tell"


def _kind(cell: Cell, ranks: Ranks) -> str:
    return _SAID[ranks[cell.variant]]


def _named(cell: Cell) -> str:
    return f"{cell.variant} with {cell.model}"
