"""What an answer shares with the expected one: token F1, ROUGE, BLEU and chrF."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import CorpusMeasure, RowMeasure, said, wants_expected

# the normalisation of SQuAD 1.1's evaluation script (Rajpurkar et al., arXiv 1606.05250): English articles, punctuation
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> list[str]:
    """The words that SQuAD's measures compare: lower case, without punctuation and English articles."""
    return list(_bag(text)[0])


def token_f1(answer: str, expected: str) -> float:
    """Harmonic mean of precision and recall over the words both have; two texts without words agree."""
    got, want = _bag(answer)[1], _bag(expected)[1]
    if not got or not want:
        return float(got == want)
    return 2 * (got & want).total() / (got.total() + want.total())


@lru_cache(maxsize=4096)
def _bag(text: str) -> tuple[tuple[str, ...], Counter[str]]:
    """Words in order, and counted; every sample of an answer is compared with every other."""
    found = tuple(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
    return found, Counter(found)


@lru_cache(maxsize=4096)
def rouge(answer: str, expected: str) -> dict[str, tuple[float, float, float]]:
    """(precision, recall, F1) of ROUGE-1 and -2 as rouge-score counts: runs of a-z and 0-9, no stemming."""
    found = _scorer().score(expected, answer)
    return {name: (one.precision, one.recall, one.fmeasure) for name, one in found.items()}


def rouge_l(answer: str, expected: str) -> float:
    """F1 of the longest common sequence of the same words; rouge-score fills a table of words x words for it."""
    got, want = _scored_words(answer), _scored_words(expected)
    common = _longest_common(got, want)
    return 2 * common / (len(got) + len(want)) if common else 0.0


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table at a time as bits (H. Hyyro, 2004)."""
    whole = (1 << len(one)) - 1
    places: dict[str, int] = {}
    for i, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << i
    row = whole
    for word in other:
        shared = row & places.get(word, 0)
        row = ((row + shared) | (row - shared)) & whole
    return len(one) - row.bit_count()


@lru_cache(maxsize=4096)
def _scored_words(text: str) -> tuple[str, ...]:
    from rouge_score import tokenize

    return tuple(tokenize.tokenize(text, None))


@lru_cache(maxsize=1)
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2"], use_stemmer=False)


@lru_cache(maxsize=2)
def _metric(name: str) -> Any:
    """Sacrebleu's metric with its default signature."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return BLEU() if name == "bleu" else CHRF()


def _corpus(name: str, what: str) -> CorpusMeasure:
    # what sacrebleu's own significance tests do with a metric: statistics per row once, scores of their sums
    def statistics(answers: Sequence[str], expected: Sequence[str]) -> list[list[float]]:
        found: list[list[float]] = _metric(name)._extract_corpus_statistics(list(answers), [list(expected)])
        return found

    def score(sums: Sequence[float]) -> float:
        counts = [round(one) for one in sums]
        return float(_metric(name)._compute_score_from_stats(counts).score)

    return CorpusMeasure(name=name, what=what, statistics=statistics, score=score)


def _rouge_measure(name: str, what: str) -> RowMeasure:
    def score(row: EvaluationRow, answer: Answer) -> float:
        return rouge(said(answer), row.expected or "")[name][2]

    return RowMeasure(name=name, what=what, asks=wants_expected, score=score, of_nodes=True)


MEASURES = (
    RowMeasure(
        name="token_f1", what="words shared with the expected answer (SQuAD's F1)", asks=wants_expected,
        score=lambda row, answer: token_f1(said(answer), row.expected or ""), of_nodes=True,
    ),
    _rouge_measure("rouge1", "words shared with the expected answer (ROUGE-1 F1)"),
    _rouge_measure("rouge2", "pairs of words shared with the expected answer (ROUGE-2 F1)"),
    RowMeasure(
        name="rougeL", what="longest common sequence of words with the expected answer (ROUGE-L F1)",
        asks=wants_expected, score=lambda row, answer: rouge_l(said(answer), row.expected or ""), of_nodes=True,
    ),
)  # fmt: skip
CORPUS = (
    _corpus("bleu", "BLEU of all answers together, 0 to 100 (sacrebleu)"),
    _corpus("chrf", "chrF of all answers together, 0 to 100 (sacrebleu)"),
)
