"""Plans over a few preferences, and their training inside the process of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from preference_rows import preference, write_rows

from trainers.contract import Adapter, Dpo, Hyperparameters, TrainPlan
from trainers.load import load_tokenizer
from trainers.objectives import objective
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.loop import fit

Prefer = Callable[..., Path]
Fit = Callable[..., dict[str, Any]]


def settings(**changes: Any) -> Hyperparameters:
    values: dict[str, Any] = {
        "batch_size": 4, "micro_batch": 4, "base_learning_rate": 1e-2, "learning_rate": 1e-2, "n_epochs": 2,
        "warmup_ratio": 0.0, "adapter": Adapter(r=4, alpha=8), "dpo": Dpo(),
    }  # fmt: skip
    return Hyperparameters(**values | changes)


@pytest.fixture
def prefer(make_plan: Any, tmp_path: Path) -> Prefer:
    """Writes a plan of method dpo; keyword arguments are fields of the plan, or hyper-parameters."""

    def make(rows: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
        of_plan = {name: changes.pop(name) for name in list(changes) if name in TrainPlan.__struct_fields__}
        held_out = write_rows(tmp_path / "held-out.jsonl", [preference(n) for n in range(20, 24)])
        plan: Path = make_plan(
            rows or [preference(n) for n in range(8)],
            **{"method": "dpo", "validation": held_out, "hyperparameters": settings(**changes)} | of_plan,
        )
        return plan

    return make


@pytest.fixture
def train() -> Fit:
    """Trains a plan's pairs in this process, which may have been asked to stop."""

    def run(path: Path, out: Path, *, stopped: bool = False) -> dict[str, Any]:
        plan = msgspec.json.decode(path.read_bytes(), type=TrainPlan)
        tokenizer, learns = load_tokenizer(plan), objective(plan)
        out.mkdir()
        return fit(
            plan, out, lambda: technique(plan.technique).load(plan), tokenizer,
            learns.training(plan, tokenizer).samples, ProgressWriter(out), lambda: stopped,
            held_out=learns.held_out(plan, tokenizer).samples,
        )  # fmt: skip

    return run
