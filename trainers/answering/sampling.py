"""How the next token is taken from logits: the same arithmetic, and by one seed the same draws, for every engine."""

from __future__ import annotations

from typing import Any

from trainers.answering.engines import Choose
from trainers.answers import Question


def chooser(question: Question) -> Choose | None:
    """None is greedy; else draws from softmax(logits / temperature), cut to the nucleus of `top_p`.

    The nucleus (Holtzman et al. 2020, arXiv 1904.09751) is the smallest set of tokens whose probability reaches it.
    """
    if question.temperature == 0 or question.top_p == 0:
        return None
    import numpy as np

    draws = np.random.default_rng(question.seed % 2**64 if question.seed is not None else None)

    def choose(logits: Any) -> int:
        scaled = (logits.astype(np.float64) - logits.max()) / question.temperature
        weights = np.exp(scaled)
        order = np.argsort(-weights, kind="stable")
        reached = np.cumsum(weights[order])
        kept = int(np.searchsorted(reached, question.top_p * reached[-1])) + 1 if question.top_p < 1 else len(order)
        place = np.searchsorted(reached[:kept], draws.random() * reached[kept - 1], side="right")
        return int(order[min(int(place), kept - 1)])

    return choose
