"""A tuned model against the model before, by the numbers that its trainer took of each validation row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from service.evaluate.gate import decided
from service.evaluate.measuring import difference_of
from service.evaluate.statistics import Draws, Interval, detectable, mean_intervals, paired_intervals, share_interval
from service.records.evaluation import Difference, Measure
from service.records.manifest import Comparison

# nats per trained token (of preferences: the loss that is trained on), the only score that is better when lower
ROW_LOSS = "row_loss"
# taken with the true answer given: they say how near a model is, not what it answers
_FORCED = frozenset({ROW_LOSS, "token_accuracy"})
_BEFORE, _AFTER = "before", "after"
_UNIT = (0.0, 1.0)
_PLACES = 6

Column = Sequence[float | None]


def compare(
    before: Mapping[str, Column],
    after: Mapping[str, Column],
    *,
    measure: str,
    model: str,
    margin: float,
    draws: Draws,
) -> Comparison:
    """The measures of both with intervals, their paired differences, and whether the tuned model passes.

    `before` and `after` have a number per row by measure, in one order. `measure` decides. What of the answers got
    worse fails the tuned model, whatever the deciding measure gained.
    """
    columns = {name: _Pair(_finite(before[name]), _finite(after[name])) for name in before if name in after}
    found = [one for name, pair in columns.items() if (one := _difference(name, pair, model, margin, draws))]
    decisive = columns.get(measure, _Pair([], []))
    outcome = decided(
        found,
        measure,
        silent=sum(old is not None and new is None for old, new in decisive.rows),
        worst=math.inf if measure == ROW_LOSS else 1.0,
        guarded=lambda name: name not in _FORCED,
        # the model before is measured as it is trained, in fewer bits perhaps: rounding leans one way on every row
        least=margin if measure == ROW_LOSS else 0.0,
    )
    return Comparison(
        gate=outcome.state,
        why=outcome.why,
        measure=measure,
        before={name: _measure(name, pair.before, draws) for name, pair in columns.items()},
        after={name: _measure(name, pair.after, draws) for name, pair in columns.items()},
        differences=found,
        settings=msgspec.to_builtins(draws) | {"margin": margin},
    )


class _Pair(msgspec.Struct, frozen=True):
    """One measure of the same rows, before and after."""

    before: Column
    after: Column

    @property
    def rows(self) -> list[tuple[float | None, float | None]]:
        return list(zip(self.before, self.after, strict=False))


def _finite(column: Column) -> Column:
    """A loss that is no number is a row without an answer."""
    return [one if one is not None and math.isfinite(one) else None for one in column]


def _better(name: str) -> Literal["lower", "higher"]:
    return "lower" if name == ROW_LOSS else "higher"


def _difference(name: str, pair: _Pair, model: str, margin: float, draws: Draws) -> Difference | None:
    import numpy as np

    both = [new - old for old, new in pair.rows if old is not None and new is not None]
    if not both:
        return None
    column = np.array(both, dtype=np.float64)[:, None]
    (interval,) = paired_intervals(column, draws, bounded=[name != ROW_LOSS])
    spread = float(column.std(ddof=1)) if len(both) > 1 else 0.0
    return difference_of(
        name,
        (_AFTER, model),
        (_BEFORE, model),
        interval,
        rows=len(both),
        better=_better(name),
        margin=margin,
        least=detectable(spread, len(both), draws.confidence) if spread > 0 else None,
    )


def _measure(name: str, column: Column, draws: Draws) -> Measure:
    import numpy as np

    known = [one for one in column if one is not None]
    missing = len(column) - len(known)
    if not known:
        return Measure(value=None, rows=0, better=_better(name), why="no row has it", missing=missing)
    if set(known) <= {0.0, 1.0}:
        interval: Interval = share_interval(sum(known), len(known), draws.confidence)
    else:
        bounds = None if name == ROW_LOSS else _UNIT
        (interval,) = mean_intervals(np.array(known, dtype=np.float64)[:, None], draws, bounds)
    value, low, high = (round(one, _PLACES) + 0.0 for one in (interval.value, interval.low, interval.high))
    return Measure(value=value, low=low, high=high, rows=len(known), better=_better(name), missing=missing)
