"""Groundedness by overlap with the text that the prompt was given: overlap, not truth.

An answer in its own words scores low although it may be right, and a copied mistake scores high.
"""

from __future__ import annotations

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, said, wants_nothing
from service.evaluate.measures.overlap import rouge, words

_WORDS = 3
_WHY = "overlap with the retrieved text, not truth"


def grounded_ngrams(row: EvaluationRow, answer: Answer) -> float | None:
    """Share of the answer's runs of three words (or its one shorter run) that stand in one of the retrieved texts."""
    del row
    spoken = words(said(answer))
    if not answer.retrieved or not spoken:
        return None
    size = min(_WORDS, len(spoken))
    held = {run for text in answer.retrieved for run in _runs(words(text), size)}
    runs = _runs(spoken, size)
    return sum(run in held for run in runs) / len(runs)


def grounded_rouge2(row: EvaluationRow, answer: Answer) -> float | None:
    """ROUGE-2 precision of the answer against the retrieved texts; None where the answer has no two words."""
    del row
    if not answer.retrieved or len(words(said(answer))) < 2:
        return None
    return rouge(said(answer), "\n".join(answer.retrieved))["rouge2"][0]


def _runs(spoken: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(spoken[i : i + size]) for i in range(len(spoken) - size + 1)]


MEASURES = (
    RowMeasure(
        name="grounded_ngrams", what="runs of three words that stand in the retrieved text", asks=wants_nothing,
        score=grounded_ngrams, why=_WHY,
    ),
    RowMeasure(
        name="grounded_rouge2", what="pairs of words that stand in the retrieved text (ROUGE-2 precision)",
        asks=wants_nothing, score=grounded_rouge2, why=_WHY,
    ),
)  # fmt: skip
