"""Made rows and answers whose right conclusion is known, for the tests and the pages of evaluations."""

from __future__ import annotations

import random
from typing import Any

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.assemble import About
from service.records.evaluation import Goal

GOAL = Goal("exact_match", 0.9)
KINDS = {"plain": "zero-shot", "shots": "few-shot", "docs": "rag", "chain": "flow", "tune": "tuned"}


def rows_of(count: int) -> list[EvaluationRow]:
    """Questions with an answer each, in one file."""
    return [
        EvaluationRow(
            line=i, messages=[{"role": "user", "content": f"question {i}"}], path="eval.jsonl", line_in_file=i,
            expected=f"the book with number {i} stands on shelf {i % 17}",
        )
        for i in range(1, count + 1)
    ]  # fmt: skip


def answers_of(rows: list[EvaluationRow], share: float, seed: int, **given: Any) -> list[Answer]:
    """Right in just this share of the rows, chosen by the seed."""
    right = set(random.Random(seed).sample([row.line for row in rows], round(share * len(rows))))
    common: dict[str, Any] = {"tokens_in": 200, "tokens_out": 20, "seconds": 0.5} | given
    return [
        Answer(line=row.line, text=row.expected if row.line in right else "nobody can say", **common) for row in rows
    ]


def about_of(goal: Goal | None, variants: list[str], **given: Any) -> About:
    common: dict[str, Any] = {
        "data": [{"path": "eval.jsonl", "sha256": "0" * 64, "rows": 1, "role": "evaluation"}], "documents": None,
        "variants": [{"id": one, "kind": KINDS[one], "sha256": "1" * 64} for one in variants],
        "models": [{"id": "small", "kind": "endpoint", "name": "small"}],
        "settings": {"seed": 3, "resamples": 1000}, "goal": goal, "usd_per_million": {"small": (1.0, 2.0)},
        "regression_lines": frozenset(), "complete": True, "made_at": "2026-11-21T10:00:00.000Z",
    }  # fmt: skip
    return About(**common | given)
