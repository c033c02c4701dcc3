"""Where a cell stands against the goal, and which kind of change is cheaper than which."""

from __future__ import annotations

import re
from typing import Any, Literal

from service.evaluate.measures.catalogue import measure_of, scale
from service.evaluate.statistics import Interval, rows_to_tell
from service.records.evaluation import Cell, Goal, Measure

Standing = Literal["meets", "short", "open"]
# from the cheapest kind of change on; a variant of several kinds is as dear as its dearest
KINDS = ("zero-shot", "few-shot", "rag", "flow", "tuned")
PROMPT, FEW_SHOT, RAG, FLOW, TUNED = range(len(KINDS))
_RANKS = {name: i for i, name in enumerate(KINDS)} | {"prompt": PROMPT}


class Ranks:
    """How dear a change each variant is, by its `kind` (`rag+few-shot` is of two); what is unknown counts as tuned."""

    def __init__(self, variants: list[dict[str, Any]]) -> None:
        self._ranks = {str(one["id"]): _rank(str(one.get("kind", ""))) for one in variants}

    def __getitem__(self, variant: str) -> int:
        return self._ranks.get(variant, TUNED)

    def order(self, cell: Cell) -> tuple[int, float, str, str]:
        """Cheapest kind first, then the lowest price, then by name."""
        price = cell.usd_per_1000 if cell.usd_per_1000 is not None else float("inf")
        return self[cell.variant], price, cell.variant, cell.model


def judged_by(cell: Cell, goal: Goal) -> bool:
    """Whether the cell has the goal's measure, or would have it if its rows were answered."""
    measure = cell.measures.get(goal.measure)
    return measure is not None and (measure.value is not None or measure.missing > 0)


def quality(cell: Cell, goal: Goal) -> Standing:
    """Whether the cell's interval lies beyond the goal as a whole; rows without an answer could be right or wrong."""
    measure = cell.measures.get(goal.measure)
    bounds = None if measure is None else with_missing(measure, goal)
    if bounds is None:
        return "open"
    if measure_of(goal.measure).better == "lower":
        return "meets" if bounds.high <= goal.at_least else "short" if bounds.low > goal.at_least else "open"
    return "meets" if bounds.low >= goal.at_least else "short" if bounds.high < goal.at_least else "open"


def affordable(cell: Cell, goal: Goal) -> Standing:
    """Whether price and latency are as asked; what was asked for and not measured leaves it open."""
    asked = [(cell.usd_per_1000, goal.usd_per_1000), (cell.latency_p95_s, goal.latency_p95_s)]
    found = [(value, most) for value, most in asked if most is not None]
    if any(value is not None and value > most for value, most in found):
        return "short"
    return "open" if any(value is None for value, _ in found) else "meets"


def standing(cell: Cell, goal: Goal) -> Standing:
    """Both together."""
    both = {quality(cell, goal), affordable(cell, goal)}
    return "short" if "short" in both else "open" if "open" in both else "meets"


def with_missing(measure: Measure, goal: Goal) -> Interval | None:
    """The interval if every row without an answer were wrong (low), and right (high)."""
    if measure.value is None or measure.low is None or measure.high is None:
        return None
    found = Interval(measure.value, measure.low, measure.high)
    known = getattr(measure_of(goal.measure), "bounds", (0.0, 1.0))
    if not measure.missing or known is None:
        return found
    rows = measure.rows + measure.missing
    most = scale(goal.measure) * measure.missing
    return Interval(found.value, found.low * measure.rows / rows, (found.high * measure.rows + most) / rows)


def rows_needed(cell: Cell, goal: Goal) -> int | None:
    """About how many answered rows would tell; None where no number of them does."""
    measure = cell.measures.get(goal.measure)
    if measure is None or measure.value is None or measure.low is None or measure.high is None:
        return None
    return rows_to_tell(Interval(measure.value, measure.low, measure.high), measure.rows, goal.at_least)


def _rank(kind: str) -> int:
    parts = [part for part in re.split(r"[\s+,/]+", kind.lower()) if part]
    return max((_RANKS.get(part, TUNED) for part in parts), default=TUNED)
