"""The first worker: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.labelling import Labelled, Limits, label_rows
from trainers.labels import LabelledRow
from trainers.load import TEMPLATE, Row, load_rows, load_tokenizer, model_facts, trained_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.native import require_native
from trainers.outfiles import WORK, complete_folder, has_part, save_part, write_atomically
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.stopping import StopSignal
from trainers.techniques import FOUR_BIT, technique
from trainers.training.batches import packing_note
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
    merge(plan, out, progress)


def _measure_and_train(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: StopSignal) -> None:
    require_native(plan.model)
    tokenizer = load_tokenizer(plan)
    measured_before = has_part(out, "baseline")
    progress.phase("train" if measured_before else "baseline")
    rows = load_rows(plan.dataset)
    labelled = _labelled(plan, tokenizer, rows, progress)
    held_out = load_rows(plan.validation) if plan.validation else []
    held_labels = label_rows(tokenizer, held_out, file="validation").samples if held_out else []
    seed_all(plan.hyperparameters.seed)
    model = technique(plan.technique).load(plan)
    if not measured_before:
        _baseline(plan, out, model, tokenizer, held_out, held_labels, progress)
        progress.phase("train")
    kept = held_labels[: plan.evaluation.max_rows]
    with stopping.gentle():
        summary = fit(plan, out, model, tokenizer, labelled.samples, progress, stopping, held_out=kept)
        if plan.chat_template is not None or labelled.template_changed:
            _keep_template(str(tokenizer.chat_template).encode(), out)
        save_part(out, "training", summary | {"data": msgspec.to_builtins(labelled.use)})
    if stopping():
        raise Stopped


def _labelled(plan: TrainPlan, tokenizer: Any, rows: list[Row], progress: ProgressWriter) -> Labelled:
    """The training samples; whatever is not trained as it stands in the file is in the log before the first step."""
    values = plan.hyperparameters
    context, stops = model_facts(plan)
    limits = Limits(values.max_tokens or context, values.overlong)
    labelled = label_rows(tokenizer, rows, limits, stops=stops, file="training data")
    for note in labelled.notes:
        progress.log(note)
    if values.packing:
        progress.log(packing_note(labelled.samples, batch_size=values.batch_size, micro_batch=values.micro_batch))
    return labelled


def _keep_template(text: bytes, out: Path) -> None:
    """The template that was trained on; an adapter without it would be prompted by the base model's own."""
    for place in (out / WORK, out / "adapter"):
        if place.is_dir():
            write_atomically(place / TEMPLATE, text)


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


def merge(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Fold what was trained into a fresh base and prove that nothing changed; leaves OUT/.work/merged."""
    progress.phase("merge")
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
    if difference is not None:
        progress.log(f"merged: logits differ by {difference:.2g} (relative) from the model that was trained")
    tokenizer = trained_tokenizer(plan, out)  # a fresh one: padding a batch leaves its mark in what a tokenizer saves
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
