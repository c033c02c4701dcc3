"""The first phases: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.labels import LabelledRow
from trainers.load import label_rows, load_model, load_rows, load_tokenizer
from trainers.outfiles import WORK, complete_folder, save_part
from trainers.progress import ProgressWriter
from trainers.sharding.ranks import is_first
from trainers.techniques import technique
from trainers.training.loop import Stopped, fit, seed_all

Stopping = Callable[[], bool]


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Stopping) -> None:
    """Phases baseline, train and merge in one process; leaves OUT/adapter and OUT/.work/merged.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    model = measure_baseline(plan, out, progress, stopping)
    progress.phase("train")
    _train(plan, out, lambda: model, progress, stopping)
    merge(plan, out, progress, stopping)


def measure_baseline(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Stopping) -> Any:
    """Refuse what cannot be trained, and measure the untuned model on the validation rows; returns the model."""
    progress.phase("baseline")
    tokenizer = load_tokenizer(plan)
    labelled = _labelled(plan, tokenizer)
    held_out = load_rows(plan.validation) if plan.validation else []
    held_labels = label_rows(tokenizer, held_out, max_tokens=None)
    tokens, trained = sum(len(row.input_ids) for row in labelled), sum(row.trained for row in labelled)
    progress.log(f"{len(labelled)} training rows, {tokens} tokens, {trained} of them trained")
    straddling = sum(row.straddling for row in labelled)
    if straddling:
        progress.log(f"{straddling} tokens lie across the start of an answer and are not trained")
    seed_all(plan.hyperparameters.seed)
    model = load_model(plan)
    if held_out:
        before = evaluate(model, tokenizer, held_out, held_labels, plan.evaluation, progress.log)
        save_part(out, "baseline", before)
    if stopping():
        raise Stopped
    return model


def train_with_others(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Stopping) -> None:
    """Phase train as one of several processes; the first one speaks and writes."""
    progress.phase("train")
    if plan.sharding != "none":
        progress.log(f"{plan.processes} processes, {plan.sharding}; DeepSpeed compiles its operators at first use")
    _train(plan, out, lambda: load_model(plan), progress, stopping)


def merge(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Stopping) -> None:
    """Fold what was trained into a fresh fp32 base; the exported model is this one."""
    progress.phase("merge")
    model = technique(plan.technique).merged(load_model(plan), out)
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        load_tokenizer(plan).save_pretrained(folder)
    if stopping():
        raise Stopped


def _train(
    plan: TrainPlan, out: Path, load_base: Callable[[], Any], progress: ProgressWriter, stopping: Stopping
) -> None:
    tokenizer = load_tokenizer(plan)
    rows = _labelled(plan, tokenizer)
    summary = fit(plan, out, load_base, tokenizer, rows, progress, stopping)
    counts = {
        "labelled_tokens": sum(row.trained for row in rows),
        "straddling_tokens": sum(row.straddling for row in rows),
    }
    if is_first():
        save_part(out, "training", summary | counts)


def _labelled(plan: TrainPlan, tokenizer: Any) -> list[LabelledRow]:
    return label_rows(tokenizer, load_rows(plan.dataset), max_tokens=plan.hyperparameters.max_tokens)
