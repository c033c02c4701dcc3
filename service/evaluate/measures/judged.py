"""What a judge model said: taken over and marked, never computed here."""

from __future__ import annotations

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, wants_nothing


def _judged(row: EvaluationRow, answer: Answer) -> float | None:
    del row
    return answer.judged


MEASURES = (
    RowMeasure(
        name="judged", what="scores of a judge model, 0 to 1", asks=wants_nothing, score=_judged,
        why="a judge model's opinion, not a measurement",
    ),
)  # fmt: skip
