"""What a measure is: a score per row, or statistics per row of which a score is made for all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from service.evaluate.answers import Answer, EvaluationRow

Better = Literal["higher", "lower", "neither"]


class RowMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """A score for each row; its value is the mean.

    `asks` says whether a row wants it, `score` gives None where an answer cannot be judged; `share`: 0 or 1 a row.
    """

    name: str
    what: str
    asks: Callable[[EvaluationRow], bool]
    score: Callable[[EvaluationRow, Answer], float | None]
    better: Better = "higher"
    bounds: tuple[float, float] | None = (0.0, 1.0)
    share: bool = False
    of_nodes: bool = False  # judges a text, and so the text of a flow's node too
    why: str | None = None  # what has to be said beside every value


class CorpusMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """A score (0 to 100) of statistics that are summed over rows; a row's own score is that of its own statistics."""

    name: str
    what: str
    statistics: Callable[[Sequence[str], Sequence[str]], list[list[float]]]
    score: Callable[[Sequence[float]], float]
    better: Better = "higher"


def wants_expected(row: EvaluationRow) -> bool:
    return row.expected is not None


def wants_nothing(row: EvaluationRow) -> bool:
    """Every row: what is counted needs no expected answer."""
    del row
    return True


def said(answer: Answer) -> str:
    """An answer's text without the space around it; one that only calls tools says nothing."""
    return (answer.text or "").strip()
