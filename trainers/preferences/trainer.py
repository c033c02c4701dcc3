"""The transformers Trainer with the loss of preference pairs."""

from __future__ import annotations

from typing import Any

from trainers.contract import Dpo
from trainers.preferences.log_probs import both_sides
from trainers.preferences.loss import pair_losses
from trainers.sharding.ranks import world_size


def preference_trainer(settings: Dpo) -> Any:
    """A Trainer class for batches that `log_probs.together` makes.

    The loss of an optimizer step is the mean over all of its pairs, on however many forward passes and processes they
    are spread: each pass adds its pairs' sum over the count of them all.
    """
    from transformers import Trainer

    class PreferenceTrainer(Trainer):  # type: ignore[misc]
        loss_is_scaled_for_ga = True  # by the count of pairs, below

        def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
            """The pairs of a step, over all processes."""
            count = sum(batch["counts"].sum() for batch in batch_samples).to(device)
            return self.accelerator.gather(count).sum() if world_size() > 1 else count

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: Any = None, num_items_in_batch: Any = None
        ) -> Any:
            """The share of the step's mean loss; gradients are averaged over processes, hence the factor."""
            del return_outputs
            counts = inputs["counts"]
            tokens = (inputs["labels"][: len(counts), 1:] >= 0).sum(1).clamp(min=1)
            losses = pair_losses(both_sides(model, inputs), inputs["reference"], tokens, settings)
            return (losses * counts).sum() / num_items_in_batch * world_size()

    return PreferenceTrainer
