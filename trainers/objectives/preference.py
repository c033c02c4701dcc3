"""Direct preference optimisation: of two answers the preferred one is made more likely than the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import Dpo, TrainPlan
from trainers.evaluation import SCORES, answered
from trainers.objectives.objective import Chats, Collator, HeldOut, Objective, Say, Training
from trainers.preferences.log_probs import together
from trainers.preferences.measures import measured, measured_each
from trainers.preferences.pairs import Pair, empty_like, held_out_pairs, training_pairs
from trainers.preferences.reference import recalled, referenced
from trainers.preferences.rows import load_preferences
from trainers.preferences.trainer import preference_trainer


class Preference(Objective):
    """Pairs of answers, each labelled on the assistant's turns of its output."""

    def training(self, plan: TrainPlan, tokenizer: Any) -> Training:
        """One pair per row."""
        labelled = training_pairs(plan, tokenizer, load_preferences(plan.dataset))
        return Training(labelled.pairs, msgspec.to_builtins(labelled.use), labelled.notes, labelled.template_changed)

    def held_out(self, plan: TrainPlan, tokenizer: Any) -> HeldOut:
        """The pairs, and the conversations that are wanted as rows."""
        if plan.validation is None:
            return HeldOut()
        rows = load_preferences(plan.validation)
        return HeldOut([row.answered for row in rows], held_out_pairs(plan, tokenizer, rows))

    def prepared(
        self, samples: Sequence[Pair], split: str, model: Any, tokenizer: Any, out: Path, heed: Callable[[], None]
    ) -> tuple[list[Pair], str | None]:
        """The pairs with what the model thinks of them as it starts."""
        pairs, asked = referenced(model, samples, out, split, pad_id=tokenizer.pad_token_id, heed=heed)
        return pairs, f"the model as it starts was asked about {len(pairs)} {split} pairs" if asked else None

    def recalled(self, held_out: HeldOut, plan: TrainPlan, out: Path) -> HeldOut:
        """The validation pairs that are measured, as they were prepared."""
        pairs = held_out.samples[: plan.evaluation.max_rows]
        return HeldOut(held_out.rows, recalled(pairs, out, "validation") if pairs else [])

    def chats(self, plan: TrainPlan, tokenizer: Any, held_out: HeldOut) -> Chats:
        """With the preferred answers."""
        if held_out.rows:
            return Chats(held_out.rows, [pair.preferred for pair in held_out.samples], "validation")
        rows = load_preferences(plan.dataset)
        pairs = training_pairs(plan, tokenizer, rows).pairs
        return Chats([row.answered for row in rows], [pair.preferred for pair in pairs], "train")

    def filler(self, sample: Pair) -> Pair:
        """Two sides without a label."""
        return empty_like(sample)

    def probe(self, sample: Pair) -> list[int]:
        """The preferred side."""
        return sample.preferred.input_ids

    def collator(self, plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
        """Both sides of every pair in one padded batch."""
        del plan, model
        return lambda batch: together(batch, pad_id)

    def trainer_class(self, plan: TrainPlan) -> Any:
        """With the loss over pairs."""
        return preference_trainer(_settings(plan))

    def validation(
        self, model: Any, tokenizer: Any, samples: Sequence[Pair], plan: TrainPlan
    ) -> dict[str, float | None]:
        """The loss over pairs, and how many of them are kept by how much."""
        return measured(model, tokenizer, samples, _settings(plan))

    def evaluate(self, model: Any, tokenizer: Any, held_out: HeldOut, plan: TrainPlan, say: Say) -> dict[str, Any]:
        """The same, and generated answers: exact match with the preferred one, and the plan's checks."""
        pairs = held_out.samples[: plan.evaluation.max_rows]
        means, scores = measured_each(model, tokenizer, pairs, _settings(plan))
        of_answers = answered(model, tokenizer, held_out.rows, plan.evaluation, say)
        return {"pairs": len(pairs), **means} | of_answers | {SCORES: scores | of_answers[SCORES]}


def _settings(plan: TrainPlan) -> Dpo:
    return plan.hyperparameters.dpo or Dpo()
