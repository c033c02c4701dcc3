"""The first phases: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.load import TEMPLATE, load_tokenizer, trained_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.objectives import objective
from trainers.objectives.objective import HeldOut, Training
from trainers.outfiles import WORK, complete_folder, has_part, save_part, write_atomically
from trainers.precision import autocast, require_device
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter, Silent
from trainers.sharding.ranks import is_first
from trainers.stopping import StopSignal
from trainers.techniques import FOUR_BIT, technique
from trainers.techniques.full_weights import save_merged
from trainers.training.checkpoints import Checkpoints
from trainers.training.loop import Stopped, fit, seed_all


class Data(msgspec.Struct, frozen=True):
    """What is trained and measured on, as this tokenizer labels it."""

    tokenizer: Any
    training: Training
    held_out: HeldOut


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: StopSignal) -> None:
    """Phases baseline, train and merge; leaves OUT/adapter or OUT/model, and OUT/.work/merged. None is repeated.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    if not (out / WORK / "merged").is_dir() and not has_part(out, "training"):
        measured_before = has_part(out, "baseline")
        progress.phase("train" if measured_before else "baseline")
        data = _read(plan, progress)
        seed_all(plan.hyperparameters.seed)
        how = technique(plan.technique)
        model = how.load(plan)
        if not measured_before:
            _baseline(plan, out, how.begun(model, plan), data, progress)
            if plan.starts_from is not None:
                model = how.load(plan)  # the earlier adapter is in the other one
            progress.phase("train")
        _train(plan, out, lambda: model, data, progress, stopping)
    merge(plan, out, progress)


def measure_baseline(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Phase baseline alone: refuse what cannot be trained, and measure the untuned model on the validation rows."""
    if not has_part(out, "baseline"):
        progress.phase("baseline")
        data = _read(plan, progress)
        how = technique(plan.technique)
        _baseline(plan, out, how.begun(how.load(plan), plan), data, progress)


def train_with_others(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: StopSignal) -> None:
    """Phase train alone, as one of several processes of which the first one speaks and writes."""
    if has_part(out, "training"):
        return
    progress.phase("train")
    how = f" under {plan.sharding}; DeepSpeed compiles its operators at first use" if plan.sharding != "none" else ""
    progress.log(f"{plan.processes} processes{how}")
    data = _read(plan, Silent(out))  # the counts were said before the baseline
    _train(plan, out, lambda: technique(plan.technique).load(plan), data, progress, stopping)


def _read(plan: TrainPlan, progress: ProgressWriter) -> Data:
    """All rows as samples; whatever is not trained as it stands in the file is in the log before the first step."""
    require_device(plan)
    tokenizer = load_tokenizer(plan)
    training = objective(plan).training(plan, tokenizer)
    for note in training.notes:
        progress.log(note)
    return Data(tokenizer, training, objective(plan).held_out(plan, tokenizer))


def _train(
    plan: TrainPlan,
    out: Path,
    load_base: Callable[[], Any],
    data: Data,
    progress: ProgressWriter,
    stopping: StopSignal,
) -> None:
    kept, rows = data.held_out.samples[: plan.evaluation.max_rows], data.training
    with stopping.gentle():
        summary = fit(plan, out, load_base, data.tokenizer, rows.samples, progress, stopping, held_out=kept)
        if is_first():
            if plan.chat_template is not None or rows.template_changed:
                _keep_template(str(data.tokenizer.chat_template).encode(), out)
            save_part(out, "training", summary | {"data": rows.use})
    if stopping():
        raise Stopped


def _keep_template(text: bytes, out: Path) -> None:
    """The template that was trained on; an adapter without it would be prompted by the base model's own."""
    for place in (out / WORK, out / "adapter"):
        if place.is_dir():
            write_atomically(place / TEMPLATE, text)


def _baseline(plan: TrainPlan, out: Path, model: Any, data: Data, progress: ProgressWriter) -> None:
    """Leave the untuned model's measures, or an empty part where there is nothing to measure on."""
    before: dict[str, Any] = {}
    if data.held_out.rows:
        if plan.technique in FOUR_BIT:
            progress.log("the untuned model is measured as it is trained: in 4 bits")
        if plan.starts_from is not None:
            progress.log(f"measured before training: what run {plan.starts_from.manifest[:12]} left")
        if not plan.compute.exact:
            progress.log("measured before training as it is trained, in 16 bits; after it merged, in fp32")
        with autocast(plan.compute, model):
            before = objective(plan).evaluate(model, data.tokenizer, data.held_out, plan, progress.log)
    save_part(out, "baseline", before)


def merge(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Fold what was trained into a fresh base and prove that nothing changed; leaves OUT/.work/merged."""
    if (out / WORK / "merged").is_dir():
        return
    Checkpoints(out, plan.id, progress.log).forget()
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
        require_same_answers(technique(plan.technique).tuned(plan, out), out, exact=plan.compute.exact)
        return
    # what 16 bits blur is held against the same weights in fp32 before they are merged
    apart = (
        None if plan.compute.exact or plan.technique == "full" else lambda: technique(plan.technique).tuned(plan, out)
    )
    difference = require_same_answers(model, out, exact=plan.compute.exact, unmerged=apart)
    if difference is not None:
        progress.log(f"merged: logits differ by {difference:.2g} (relative) from the model that was trained")
    tokenizer = trained_tokenizer(plan, out)  # a fresh one: padding a batch leaves its mark in what a tokenizer saves
    with complete_folder(out / WORK / "merged") as folder:
        save_merged(model, out, folder)
        tokenizer.save_pretrained(folder)
