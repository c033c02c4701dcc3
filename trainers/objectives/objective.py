"""What every objective is: the samples it makes of rows, the loss over them, and how a model is measured by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from trainers.contract import TrainPlan

Collator = Callable[[Sequence[Any]], dict[str, Any]]
Say = Callable[[str], None]


class Training(msgspec.Struct, frozen=True):
    """Samples to train on in the order of their rows, what became of the rows, and what to know before the first step.

    `template_changed`: the chat template is not the one that the tokenizer was loaded with.
    """

    samples: list[Any]
    use: dict[str, Any]
    notes: list[str]
    template_changed: bool = False


class HeldOut(msgspec.Struct, frozen=True):
    """Validation rows as the file has them, and as samples."""

    rows: list[Any] = []
    samples: list[Any] = []


class Objective(Protocol):
    """One way to learn from rows; it holds no state."""

    def training(self, plan: TrainPlan, tokenizer: Any) -> Training:
        """Every training row as samples.

        Raises:
            TrainerError: `invalid_input` with the lines of all rows that cannot be trained, `plan_mismatch`.
        """

    def held_out(self, plan: TrainPlan, tokenizer: Any) -> HeldOut:
        """The validation rows, none where the plan has none.

        Raises:
            TrainerError: as `training`.
        """

    def filler(self, sample: Any) -> Any:
        """A sample that trains nothing, such as this one has the form of."""

    def probe(self, sample: Any) -> list[int]:
        """Token ids by which the merged model is held against the trained one."""

    def collator(self, plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
        """Puts the samples of a forward pass together."""

    def trainer_class(self) -> Any:
        """The transformers Trainer, or a subclass with the objective's loss."""

    def validation_loss(self, model: Any, tokenizer: Any, samples: Sequence[Any]) -> float | None:
        """The loss over held-out samples, by which steps are compared; the model is in evaluation mode."""

    def evaluate(self, model: Any, tokenizer: Any, held_out: HeldOut, plan: TrainPlan, say: Say) -> dict[str, Any]:
        """All measures of a model before or after training, on the plan's `max_rows` first rows."""
