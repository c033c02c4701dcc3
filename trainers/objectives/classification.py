"""Classification with an encoder: the class of a text, or the tag of each word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from trainers.classification.evaluation import mean_loss, measured, row_scores, torch_logits
from trainers.classification.measures import is_iob2
from trainers.classification.model import encoder_facts, fresh_modules
from trainers.classification.rows import IGNORED_TAG, labelled_texts, tagged_words
from trainers.classification.samples import Sample, Samples, make_samples, padded, text_sample, words_sample
from trainers.contract import DatasetRef, TrainPlan
from trainers.evaluation import SCORES
from trainers.labelling import Limits
from trainers.objectives.objective import Collator, HeldOut, Objective, Say, Training


class _Classification(Objective):
    """What both have in common; the rows differ."""

    def __init__(self, read: Callable[..., list[Any]], encode: Callable[..., Sample]) -> None:
        self._read, self._encode = read, encode

    def training(self, plan: TrainPlan, tokenizer: Any) -> Training:
        """One sample per row."""
        made = self._samples(plan, tokenizer, plan.dataset, plan.hyperparameters.max_tokens, "training data")
        return Training(made.samples, dict(made.use), [*made.notes, *self._about(plan, tokenizer)])

    def held_out(self, plan: TrainPlan, tokenizer: Any) -> HeldOut:
        """The same of the validation rows, as long as the model takes."""
        if plan.validation is None:
            return HeldOut()
        made = self._samples(plan, tokenizer, plan.validation, None, "validation")
        return HeldOut(made.rows, made.samples)

    def filler(self, sample: Sample) -> Sample:
        """One token without a label."""
        words = [IGNORED_TAG] if sample.words else []
        types = sample.token_type_ids and sample.token_type_ids[:1]
        return Sample(sample.input_ids[:1], [IGNORED_TAG], types, words, [0] * len(words))

    def probe(self, sample: Sample) -> list[int]:
        """The row."""
        return sample.input_ids

    def collator(self, plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
        """Padded."""
        del plan, model
        return lambda batch: padded(batch, pad_id)

    def trainer_class(self, plan: TrainPlan) -> Any:
        """The plain one, with a mean over all labels of an optimizer step, which not every head computes itself."""
        del plan
        from transformers import Trainer

        return partial(Trainer, compute_loss_func=_loss)

    def validation(
        self, model: Any, tokenizer: Any, samples: Sequence[Sample], plan: TrainPlan
    ) -> dict[str, float | None]:
        """Mean cross-entropy (nats) per label."""
        del plan
        logits = torch_logits(model, samples, pad_id=tokenizer.pad_token_id)
        return {"validation_loss": mean_loss(samples, logits)}

    def evaluate(self, model: Any, tokenizer: Any, held_out: HeldOut, plan: TrainPlan, say: Say) -> dict[str, Any]:
        """Loss, accuracy, F1 and each label's figures; what the most frequent label alone would reach."""
        kept = held_out.samples[: plan.evaluation.max_rows]
        logits = torch_logits(model, kept, pad_id=tokenizer.pad_token_id)
        figures = measured(kept, logits, plan.labels) | {SCORES: row_scores(kept, logits, plan.labels)}
        say(f"measured on {len(kept)} validation rows")
        return figures | {"fresh_head": bool(fresh_modules(model)), "engine": "torch"}

    def _samples(self, plan: TrainPlan, tokenizer: Any, reference: DatasetRef, most: int | None, file: str) -> Samples:
        facts = encoder_facts(plan, tokenizer)
        rows = self._read(reference, plan.labels, file=file)
        lengths = [one for one in (most, facts.context) if one is not None]
        limits = Limits(min(lengths, default=None), plan.hyperparameters.overlong)
        return make_samples(rows, partial(self._encode, tokenizer, types=facts.types), limits, file=file)

    def _about(self, plan: TrainPlan, tokenizer: Any) -> list[str]:
        notes = [f"{len(plan.labels)} labels"]
        if encoder_facts(plan, tokenizer).own_head:
            notes.append("the model's own head has these labels: it is trained on")
        else:
            notes.append("the head is fresh, drawn from the seed: the untuned model's measures are those of chance")
        if plan.task == "token-classification" and not is_iob2(plan.labels):
            notes.append("the tags are not of the IOB2 scheme: they are measured per word, not per entity")
        return notes


def _loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross-entropy over all labels of an optimizer step, whichever forward pass they came in."""
    import torch

    logits = outputs.logits
    total = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1), ignore_index=IGNORED_TAG, reduction="sum"
    )
    return total / num_items_in_batch


TEXTS = _Classification(labelled_texts, text_sample)
WORDS = _Classification(tagged_words, words_sample)
