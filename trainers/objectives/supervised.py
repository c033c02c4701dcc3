"""Supervised fine-tuning: the next token of what the assistant says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.evaluation import evaluate, teacher_forced
from trainers.labelling import held_out_labels, training_labels
from trainers.labels import IGNORED, LabelledRow
from trainers.load import load_rows
from trainers.objectives.objective import Chats, Collator, HeldOut, Objective, Say, Training
from trainers.training.batches import collator, packing_note


class Supervised(Objective):
    """Chat rows, labelled on the assistant's turns."""

    def training(self, plan: TrainPlan, tokenizer: Any) -> Training:
        """One labelled row per sample."""
        values = plan.hyperparameters
        labelled = training_labels(plan, tokenizer, load_rows(plan.dataset))
        notes = list(labelled.notes)
        if values.packing:
            notes.append(packing_note(labelled.samples, batch_size=values.batch_size, micro_batch=values.micro_batch))
        return Training(labelled.samples, msgspec.to_builtins(labelled.use), notes, labelled.template_changed)

    def held_out(self, plan: TrainPlan, tokenizer: Any) -> HeldOut:
        """The same of the validation rows."""
        if plan.validation is None:
            return HeldOut()
        rows = load_rows(plan.validation)
        return HeldOut(rows, held_out_labels(plan, tokenizer, rows))

    def chats(self, plan: TrainPlan, tokenizer: Any, held_out: HeldOut) -> Chats:
        """They are chats."""
        if held_out.rows:
            return Chats(held_out.rows, held_out.samples, "validation")
        rows = load_rows(plan.dataset)
        return Chats(rows, training_labels(plan, tokenizer, rows).samples, "train")

    def filler(self, sample: LabelledRow) -> LabelledRow:
        """One token without a label."""
        return LabelledRow(input_ids=sample.input_ids[:1], labels=[IGNORED])

    def probe(self, sample: LabelledRow) -> list[int]:
        """The row."""
        return sample.input_ids

    def collator(self, plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
        """Padded, or packed where the plan says so."""
        return collator(plan, model, pad_id=pad_id)

    def trainer_class(self, plan: TrainPlan) -> Any:
        """The plain one: its loss is that of the labels."""
        del plan
        from transformers import Trainer

        return Trainer

    def validation(
        self, model: Any, tokenizer: Any, samples: Sequence[LabelledRow], plan: TrainPlan
    ) -> dict[str, float | None]:
        """Mean cross-entropy (nats) per trained token."""
        del plan
        return {"validation_loss": teacher_forced(model, tokenizer, list(samples))["validation_loss"]}

    def evaluate(self, model: Any, tokenizer: Any, held_out: HeldOut, plan: TrainPlan, say: Say) -> dict[str, Any]:
        """Loss, perplexity and accuracy per token; exact match and the plan's checks of generated answers."""
        return evaluate(model, tokenizer, held_out.rows, held_out.samples, plan.evaluation, say)
