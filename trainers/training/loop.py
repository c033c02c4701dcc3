"""The fine-tuning loop: the plain transformers Trainer over rows that carry their own labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.labels import LabelledRow
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.arguments import training_arguments
from trainers.training.batches import collator
from trainers.training.packing import require_packing


class Stopped(Exception):  # noqa: N818
    """SIGTERM was seen; the work so far is left as it is and nothing is reported as done."""


def fit(
    plan: TrainPlan,
    out: Path,
    base: Any,
    tokenizer: Any,
    rows: list[LabelledRow],
    progress: ProgressWriter,
    stopping: Callable[[], bool],
) -> dict[str, Any]:
    """Train `base` by the plan's technique and save what was trained; returns the run's figures.

    Raises:
        TrainerError: `job_failed` when the loss is no number, `target_cannot` when the model cannot be packed.
        Stopped: on SIGTERM, after the current step.
    """
    from transformers import PrinterCallback, Trainer

    from trainers.training.watcher import Watcher

    started = time.monotonic()
    use_cache = base.config.use_cache
    seed_all(plan.hyperparameters.seed)  # again: the baseline must not change the adapter's initial values
    how = technique(plan.technique)
    model = how.wrap(base, plan)
    watcher = Watcher(progress, stopping)
    trainer = Trainer(
        model=model,
        args=training_arguments(plan, out, rows=len(rows)),
        train_dataset=rows,
        data_collator=collator(plan, model, pad_id=tokenizer.pad_token_id),
        callbacks=[watcher],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout when tqdm is off
    if plan.hyperparameters.packing:
        require_packing(trainer.model, rows, pad_id=tokenizer.pad_token_id)  # on the device that the Trainer chose
    trainer.train()
    if stopping():
        raise Stopped
    if not watcher.losses or watcher.losses[-1] != watcher.losses[-1]:
        raise TrainerError("job_failed", "The loss is not a number.", remedy="A lower learning rate.")
    base.config.use_cache = use_cache  # the Trainer switches it off, and it would be saved so
    how.save(model, tokenizer, plan, out)
    return {
        "rows": len(rows),
        "steps": len(watcher.losses),
        "first_loss": watcher.losses[0],
        "last_loss": watcher.losses[-1],
        "trainable_params": sum(one.numel() for one in model.parameters() if one.requires_grad),
        "total_params": sum(one.numel() for one in model.parameters()),
        "seconds": round(time.monotonic() - started, 1),
    }


def seed_all(seed: int) -> None:
    """One seed for Python, NumPy and PyTorch: adapter values, dropout and the order of the data."""
    from transformers import set_seed

    set_seed(seed)
