"""The first worker: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.load import label_rows, load_model, load_rows, load_tokenizer
from trainers.native import require_native
from trainers.outfiles import WORK, complete_folder, save_part
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.loop import Stopped, fit, seed_all


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Callable[[], bool]) -> None:
    """Phases baseline, train and merge; leaves OUT/adapter and OUT/.work/merged.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    progress.phase("baseline")
    require_native(plan.model)
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
    seed_all(plan.hyperparameters.seed)
    model = load_model(plan)
    if held_out:
        before = evaluate(model, tokenizer, held_out, held_labels, plan.evaluation, progress.log)
        save_part(out, "baseline", before)
    if stopping():
        raise Stopped
    progress.phase("train")
    summary = fit(plan, out, model, tokenizer, labelled, progress, stopping)
    save_part(out, "training", summary | {"labelled_tokens": trained, "straddling_tokens": straddling})
    progress.phase("merge")
    _merge(plan, out, tokenizer)


def merge(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Phase merge alone, from what an earlier run left in OUT/adapter; leaves OUT/.work/merged."""
    progress.phase("merge")
    _merge(plan, out, load_tokenizer(plan))


def _merge(plan: TrainPlan, out: Path, tokenizer: Any) -> None:
    """Fold what was trained into a fresh fp32 base; the exported model is this one."""
    model = technique(plan.technique).merged(load_model(plan), out)
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
