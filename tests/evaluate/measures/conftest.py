"""Evaluations of made answers whose right conclusion is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from made_answers import GOAL, about_of, answers_of, rows_of

from service.evaluate.assemble import assemble
from service.records.evaluation import Evaluation, Goal


@pytest.fixture
def evaluated() -> Callable[..., Evaluation]:
    """evaluated(400, plain=0.6, shots=0.95): an evaluation in which each variant is right in that share of the rows."""

    def made(count: int, *, goal: Goal | None = GOAL, **shares: float) -> Evaluation:
        rows = rows_of(count)
        answers = {(one, "small"): answers_of(rows, share, seed) for seed, (one, share) in enumerate(shares.items())}
        return assemble(rows, answers, about_of(goal, list(shares)))

    return made
