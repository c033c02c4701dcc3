"""The first worker: measure the untuned model, fine-tune it, merge what was trained into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate
from trainers.labelling import Labelled, Limits, label_rows
from trainers.load import Row, load_model, load_rows, load_tokenizer, model_facts
from trainers.outfiles import WORK, complete_folder, save_part, write_atomically
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.batches import packing_note
from trainers.training.loop import Stopped, fit, seed_all


def tune(plan: TrainPlan, out: Path, progress: ProgressWriter, stopping: Callable[[], bool]) -> None:
    """Phases baseline, train and merge; leaves OUT/adapter and OUT/.work/merged.

    Raises:
        TrainerError: refused data or model. Stopped: on SIGTERM, after the current step.
    """
    progress.phase("baseline")
    tokenizer = load_tokenizer(plan)
    rows = load_rows(plan.dataset)
    labelled = _labelled(plan, tokenizer, rows, progress)
    held_out = load_rows(plan.validation) if plan.validation else []
    held_labels = label_rows(tokenizer, held_out, file="validation").samples if held_out else []
    seed_all(plan.hyperparameters.seed)
    model = load_model(plan)
    if held_out:
        before = evaluate(model, tokenizer, held_out, held_labels, plan.evaluation, progress.log)
        save_part(out, "baseline", before)
    if stopping():
        raise Stopped
    progress.phase("train")
    summary = fit(plan, out, model, tokenizer, labelled.samples, progress, stopping)
    save_part(out, "training", summary | {"data": msgspec.to_builtins(labelled.use)})
    if (plan.chat_template is not None or labelled.template_changed) and (out / "adapter").is_dir():
        # the merged folder has the tokenizer's; an adapter without it would be prompted by the base model's own
        write_atomically(out / "adapter" / "chat_template.jinja", str(tokenizer.chat_template).encode())
    progress.phase("merge")
    _merge(plan, out, tokenizer)


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


def _merge(plan: TrainPlan, out: Path, tokenizer: Any) -> None:
    """Fold what was trained into a fresh fp32 base; the exported model is this one."""
    model = technique(plan.technique).merged(load_model(plan), out)
    with complete_folder(out / WORK / "merged") as folder:
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
