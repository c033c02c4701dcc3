"""The first worker: measure the untuned model, fine-tune it, merge; PyTorch with the plain transformers Trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.labels import LabelledRow
from trainers.load import label_rows, load_model, load_rows, load_tokenizer
from trainers.outfiles import WORK, complete_folder, save_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique


class Stopped(Exception):  # noqa: N818
    """SIGTERM was seen; the work so far is left as it is and nothing is reported as done."""


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Callable[[], bool]) -> None:
    """Phases baseline, train and merge; leaves OUT/adapter and OUT/.work/merged.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    progress.phase("baseline")
    tokenizer = load_tokenizer(plan)
    rows = load_rows(plan.dataset)
    labelled = label_rows(tokenizer, rows, max_tokens=plan.hyperparameters.max_tokens)
    held_out = load_rows(plan.validation) if plan.validation else []
    held_labels = label_rows(tokenizer, held_out, max_tokens=None)
    tokens, trained = sum(len(row.input_ids) for row in labelled), sum(row.trained for row in labelled)
    progress.log(f"{len(labelled)} training rows, {tokens} tokens, {trained} of them trained")
    straddling = sum(row.straddling for row in labelled)
    if straddling:
        progress.log(f"{straddling} tokens lie across the start of an answer and are not trained")
    _seed(plan.hyperparameters.seed)
    model = load_model(plan)
    if held_out:
        before = evaluate(model, tokenizer, held_out, held_labels, plan.evaluation, progress.log)
        save_part(out, "baseline", before)
    if stopping():
        raise Stopped
    progress.phase("train")
    summary = _train(plan, out, model, tokenizer, labelled, progress, stopping)
    save_part(out, "training", summary | {"labelled_tokens": trained, "straddling_tokens": straddling})
    progress.phase("merge")
    _merge(plan, out, tokenizer)


def _train(
    plan: TrainPlan,
    out: Path,
    base: Any,
    tokenizer: Any,
    rows: list[LabelledRow],
    progress: ProgressWriter,
    stopping: Callable[[], bool],
) -> dict[str, Any]:
    from transformers import DataCollatorForSeq2Seq, PrinterCallback, Trainer

    started = time.monotonic()
    use_cache = base.config.use_cache
    _seed(plan.hyperparameters.seed)  # again: the baseline must not change the adapter's initial values
    how = technique(plan.technique)
    model = how.wrap(base, plan)
    data = [
        {"input_ids": row.input_ids, "attention_mask": [1] * len(row.input_ids), "labels": row.labels} for row in rows
    ]
    watcher = _watcher(progress, stopping)
    trainer = Trainer(
        model=model,
        args=_arguments(plan, out),
        train_dataset=data,
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
        callbacks=[watcher],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout when tqdm is off
    trainer.train()
    if stopping():
        raise Stopped
    if not watcher.losses or watcher.losses[-1] != watcher.losses[-1]:
        raise TrainerError("job_failed", "The loss is not a number.", remedy="A lower learning rate.")
    base.config.use_cache = use_cache  # the Trainer switches it off, and it would be saved so
    how.save(model, tokenizer, plan, out)
    total = sum(parameter.numel() for parameter in model.parameters())
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return {
        "rows": len(rows),
        "steps": len(watcher.losses),
        "first_loss": watcher.losses[0],
        "last_loss": watcher.losses[-1],
        "trainable_params": trainable,
        "total_params": total,
        "seconds": round(time.monotonic() - started, 1),
    }


def _arguments(plan: TrainPlan, out: Path) -> Any:
    """Every value the run depends on is said, not inherited from the library's defaults."""
    import torch
    from transformers import TrainingArguments

    values = plan.hyperparameters
    return TrainingArguments(
        output_dir=str(out / WORK / "trainer"),
        per_device_train_batch_size=values.micro_batch,
        gradient_accumulation_steps=values.batch_size // values.micro_batch,
        num_train_epochs=values.n_epochs,
        learning_rate=values.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=_warmup_steps(values.warmup_ratio, plan),
        weight_decay=values.weight_decay,
        max_grad_norm=values.max_grad_norm,
        optim="adamw_torch_fused",
        seed=values.seed,
        data_seed=values.seed,
        logging_strategy="steps",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _warmup_steps(ratio: float, plan: TrainPlan) -> int:
    rows = len(load_rows(plan.dataset))
    per_epoch = -(-rows // plan.hyperparameters.batch_size)
    return int(ratio * per_epoch * plan.hyperparameters.n_epochs)


def _watcher(progress: ProgressWriter, stopping: Callable[[], bool]) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):  # type: ignore[misc]
        """Writes a record per optimizer step, and stops after the current one when asked to."""

        def __init__(self) -> None:
            self.losses: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, kwargs
            if stopping():
                control.should_training_stop = True

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            del args, control, kwargs
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))
                progress.step(
                    step=state.global_step,
                    total=state.max_steps,
                    loss=float(logs["loss"]),
                    learning_rate=float(logs["learning_rate"]),
                    epoch=round(float(state.epoch or 0), 4),
                )

    return Watcher()


def _merge(plan: TrainPlan, out: Path, tokenizer: Any) -> None:
    """Fold what was trained into a fresh fp32 base; the exported model is this one."""
    model = technique(plan.technique).merged(load_model(plan), out)
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)


def _seed(seed: int) -> None:
    from transformers import set_seed

    set_seed(seed)
