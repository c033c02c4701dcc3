"""The fine-tuning loop: the plain transformers Trainer over rows that carry their own labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.labels import IGNORED, LabelledRow
from trainers.merge_proof import keep_answers
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.arguments import total_steps, training_arguments


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
        TrainerError: `job_failed` when the loss is no number. Stopped: on SIGTERM, after the current step.
    """
    from transformers import DataCollatorForSeq2Seq, PrinterCallback, Trainer

    from trainers.training.watcher import Watcher

    started = time.monotonic()
    use_cache = base.config.use_cache
    seed_all(plan.hyperparameters.seed)  # again: the baseline must not change the adapter's initial values
    how = technique(plan.technique)
    model = how.wrap(base, plan, steps=total_steps(plan, rows=len(rows)))
    watcher = Watcher(progress, stopping)
    trainer = Trainer(
        model=model,
        args=training_arguments(plan, out, rows=len(rows)),
        optimizers=(how.optimizer(model, plan), None),
        train_dataset=[_sample(row) for row in rows],
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED),
        callbacks=[watcher, *how.callbacks(model, plan)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout when tqdm is off
    trainer.train()
    if stopping():
        raise Stopped
    if not watcher.losses or watcher.losses[-1] != watcher.losses[-1]:
        raise TrainerError("job_failed", "The loss is not a number.", remedy="A lower learning rate.")
    base.config.use_cache = use_cache  # the Trainer switches it off, and it would be saved so
    keep_answers(model, rows, out)
    how.save(model, tokenizer, plan, out)
    return {
        "rows": len(rows),
        "steps": len(watcher.losses),
        "first_loss": watcher.losses[0],
        "last_loss": watcher.losses[-1],
        "trainable_params": sum(one.numel() for one in model.parameters() if one.requires_grad),
        "total_params": sum(map(_values, model.parameters())),
        "seconds": round(time.monotonic() - started, 1),
    }


def seed_all(seed: int) -> None:
    """One seed for Python, NumPy and PyTorch: adapter values, dropout and the order of the data."""
    from transformers import set_seed

    set_seed(seed)


def _values(parameter: Any) -> int:
    """How many numbers a parameter holds; 4-bit weights lie two to a byte."""
    packed = type(parameter).__name__ == "Params4bit"
    return int(parameter.numel()) * (2 if packed else 1)


def _sample(row: LabelledRow) -> dict[str, list[int]]:
    return {"input_ids": row.input_ids, "attention_mask": [1] * len(row.input_ids), "labels": row.labels}
