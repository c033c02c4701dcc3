"""How long answers are; neither long nor short is better by itself."""

from __future__ import annotations

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, said, wants_nothing


def _characters(row: EvaluationRow, answer: Answer) -> float:
    del row
    return float(len(said(answer)))


def _tokens(row: EvaluationRow, answer: Answer) -> float | None:
    """As the model's side counted them; nothing is estimated."""
    del row
    return None if answer.tokens_out is None else float(answer.tokens_out)


def _ratio(row: EvaluationRow, answer: Answer) -> float:
    return len(said(answer)) / len((row.expected or "").strip())


MEASURES = (
    RowMeasure(
        name="answer_characters", what="characters an answer", asks=wants_nothing, score=_characters,
        better="neither", bounds=None, of_nodes=True,
    ),
    RowMeasure(
        name="answer_tokens", what="tokens an answer, as the model's side counted them", asks=wants_nothing,
        score=_tokens, better="neither", bounds=None,
    ),
    RowMeasure(
        name="length_ratio", what="characters of the answer per character of the expected one",
        asks=lambda row: bool((row.expected or "").strip()), score=_ratio, better="neither", bounds=None, of_nodes=True,
    ),
)  # fmt: skip
