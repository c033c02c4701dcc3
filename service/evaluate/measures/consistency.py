"""Consistency: how far answers to one question agree, over samples of one prompt and over reworded prompts.

Every pair of the answers of a row is compared; the row's score is the mean over its pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, said, wants_nothing
from service.evaluate.measures.overlap import token_f1, words

Agreement = Callable[[str, str], float]
Others = Callable[[Answer], Sequence[str]]


def exactly(one: str, other: str) -> float:
    return float(one.strip() == other.strip())


def normalised(one: str, other: str) -> float:
    """Equal but for case, punctuation and English articles."""
    return float(words(one) == words(other))


def agreement(texts: Sequence[str], agree: Agreement) -> float | None:
    """Mean over all pairs; None for fewer than two texts."""
    pairs = [agree(one, other) for one, other in combinations(texts, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _over(others: Others, agree: Agreement) -> Callable[[EvaluationRow, Answer], float | None]:
    def score(row: EvaluationRow, answer: Answer) -> float | None:
        del row
        return agreement([said(answer), *others(answer)], agree) if others(answer) else None

    return score


def _measure(name: str, what: str, others: Others, agree: Agreement) -> RowMeasure:
    return RowMeasure(name=name, what=what, asks=wants_nothing, score=_over(others, agree))


def _samples(answer: Answer) -> Sequence[str]:
    return answer.samples


def _perturbed(answer: Answer) -> Sequence[str]:
    return answer.perturbed


MEASURES = (
    _measure("consistency", "pairs of answers to one prompt that agree, normalised", _samples, normalised),
    _measure("consistency_exact", "pairs of answers to one prompt that are equal", _samples, exactly),
    _measure("consistency_f1", "token F1 between answers to one prompt", _samples, token_f1),
    _measure("consistency_perturbed", "pairs of answers to reworded prompts that agree", _perturbed, normalised),
    _measure("consistency_perturbed_f1", "token F1 between answers to reworded prompts", _perturbed, token_f1),
)
