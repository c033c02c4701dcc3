"""What a judge model said: taken over and marked, never computed here."""

from __future__ import annotations

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, wants_nothing


def _judged(row: EvaluationRow, answer: Answer) -> float | None:
    del row
    judged = answer.judged
    return judged if judged is not None and 0 <= judged <= 1 else None


MEASURES = (
    RowMeasure(
        name="judged", what="scores of a judge model, 0 to 1", asks=wants_nothing, score=_judged,
        why="a judge model's opinion, not a measurement",
    ),
)  # fmt: skip
