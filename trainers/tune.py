"""The first worker: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.labels import LabelledRow
from trainers.load import Row, label_rows, load_rows, load_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.outfiles import WORK, complete_folder, has_part, save_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.stopping import StopSignal
from trainers.techniques import FOUR_BIT, technique
from trainers.training.checkpoints import Checkpoints
from trainers.training.loop import Stopped, fit, seed_all


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: StopSignal) -> None:
    """Phases baseline, train and merge; leaves OUT/adapter and OUT/.work/merged. Finished ones are not repeated.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    if (out / WORK / "merged").is_dir():
        return
    if not has_part(out, "training"):
        _measure_and_train(plan, out, progress, stopping)
    Checkpoints(out, plan.id, progress.log).forget()
    progress.phase("merge")
    _merge(plan, out, progress)


def _measure_and_train(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: StopSignal) -> None:
    tokenizer = load_tokenizer(plan)
    measured_before = has_part(out, "baseline")
    progress.phase("train" if measured_before else "baseline")
    rows = load_rows(plan.dataset)
    labelled = label_rows(tokenizer, rows, max_tokens=plan.hyperparameters.max_tokens)
    held_out = load_rows(plan.validation) if plan.validation else []
    held_labels = label_rows(tokenizer, held_out, max_tokens=None)
    trained = sum(row.trained for row in labelled)
    straddling = sum(row.straddling for row in labelled)
    seed_all(plan.hyperparameters.seed)
    model = technique(plan.technique).load(plan)
    if not measured_before:
        _say_counts(labelled, progress)
        _baseline(plan, out, model, tokenizer, held_out, held_labels, progress)
        progress.phase("train")
    kept = held_labels[: plan.evaluation.max_rows]
    with stopping.gentle():
        summary = fit(plan, out, model, tokenizer, labelled, progress, stopping, held_out=kept)
        save_part(out, "training", summary | {"labelled_tokens": trained, "straddling_tokens": straddling})
    if stopping():
        raise Stopped


def _say_counts(labelled: list[LabelledRow], progress: ProgressWriter) -> None:
    tokens, trained = sum(len(row.input_ids) for row in labelled), sum(row.trained for row in labelled)
    progress.log(f"{len(labelled)} training rows, {tokens} tokens, {trained} of them trained")
    if straddling := sum(row.straddling for row in labelled):
        progress.log(f"{straddling} tokens lie across the start of an answer and are not trained")


def _baseline(
    plan: TrainPlan,
    out: Path,
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    labelled: list[LabelledRow],
    progress: ProgressWriter,
) -> None:
    """Leave the untuned model's measures, or an empty part where there is nothing to measure on."""
    if rows and plan.technique in FOUR_BIT:
        progress.log("the untuned model is measured as it is trained: in 4 bits")
    before = evaluate(model, tokenizer, rows, labelled, plan.evaluation, progress.log) if rows else {}
    save_part(out, "baseline", before)


def _merge(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Fold what was trained into a fresh base and prove that nothing changed; the exported model is this one."""
    model = technique(plan.technique).merged(plan, out)
    if model is None and plan.outputs.onnx:
        raise TrainerError(
            "target_cannot",
            "This method has no merge into the base's weights: there is no model to export as ONNX.",
            remedy="Plan without ONNX; the adapter is in OUT/adapter.",
        )
    if model is None:
        progress.log("this method has no merge: the adapter is the artifact")
        require_same_answers(technique(plan.technique).tuned(plan, out), out)
        return
    difference = require_same_answers(model, out)
    progress.log(f"merged: logits differ by {difference:.2g} (relative) from the model that was trained")
    tokenizer = load_tokenizer(plan)  # a fresh one: padding a batch leaves its mark in what a tokenizer saves
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
