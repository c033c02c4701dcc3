"""Answers held against the expected ones: BLEU and chrF for translations, token F1 for short answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainers.contract import Metric

# the normalisation of SQuAD 1.1's evaluation script (Rajpurkar et al., arXiv 1606.05250): English articles, punctuation
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def answer_metrics(names: Sequence[Metric], answers: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    """`metrics` by name over all answers, and how sacrebleu counted (`signatures`); no answers: null.

    BLEU and chrF are of the corpus, 0 to 100; token F1 is the mean over the answers, 0 to 1.
    """
    metrics: dict[str, float | None] = dict.fromkeys(names)
    signatures: dict[str, str] = {}
    for name in names if answers else ():
        if name == "token_f1":
            metrics[name] = sum(map(token_f1, answers, expected)) / len(answers)
        else:
            metrics[name], signatures[name] = _corpus(name, answers, expected)
    return {"metrics": metrics, "signatures": signatures} if names else {}


def token_f1(answer: str, expected: str) -> float:
    """Harmonic mean of precision and recall over the words both have; two empty texts agree."""
    got, want = Counter(_words(answer)), Counter(_words(expected))
    if not got or not want:
        return float(got == want)
    common = (got & want).total()
    return 2 * common / (got.total() + want.total())


def _corpus(name: str, answers: Sequence[str], expected: Sequence[str]) -> tuple[float, str]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    metric = BLEU() if name == "bleu" else CHRF()
    score = metric.corpus_score(list(answers), [list(expected)])
    return float(score.score), str(metric.get_signature())


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
