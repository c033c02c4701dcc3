"""Tool calls: the right tools with the right arguments. Calls of one answer may come in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from service.evaluate.answers import Answer, EvaluationRow, ExpectedCall
from service.evaluate.measures.measure import RowMeasure


def tool_calls(row: EvaluationRow, answer: Answer) -> float:
    """1 where the calls are the expected ones, each once, by name and JSON equality of the arguments."""
    return float(_same(row.expected_calls or [], answer.calls))


def tool_names(row: EvaluationRow, answer: Answer) -> float:
    """1 where the called tools are the expected ones, whatever their arguments."""
    wanted, got = ([one.name for one in calls] for calls in (row.expected_calls or [], answer.calls))
    return float(Counter(wanted) == Counter(got))


def json_equal(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are one number, true is no number, keys have no order and items do."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(json_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(json_equal, one, other))
    return bool(one == other)


def _same(wanted: Sequence[ExpectedCall], got: Sequence[ExpectedCall]) -> bool:
    if len(wanted) != len(got):
        return False
    left = list(got)
    for call in wanted:
        place = next((i for i, one in enumerate(left) if _equal(call, one)), None)
        if place is None:
            return False
        del left[place]
    return True


def _equal(one: ExpectedCall, other: ExpectedCall) -> bool:
    return one.name == other.name and json_equal(one.arguments, other.arguments)


def _asks(row: EvaluationRow) -> bool:
    return row.expected_calls is not None


MEASURES = (
    RowMeasure(
        name="tool_calls", what="the tools called and their arguments are the expected ones, in any order",
        asks=_asks, score=tool_calls, share=True,
    ),
    RowMeasure(
        name="tool_names", what="the tools called are the expected ones, whatever their arguments",
        asks=_asks, score=tool_names, share=True,
    ),
)  # fmt: skip
