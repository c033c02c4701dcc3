"""What every objective is: the samples it makes of rows, the loss over them, and how a model is measured by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from trainers.contract import TrainPlan
from trainers.labels import LabelledRow
from trainers.load import Row

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


class Chats(msgspec.Struct, frozen=True):
    """Conversations of the named split and the labels of the answers that are wanted in them."""

    rows: list[Row]
    labelled: list[LabelledRow]
    split: Literal["validation", "train"]


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

    def prepared(
        self, samples: Sequence[Any], split: str, model: Any, tokenizer: Any, out: Path, heed: Callable[[], None]
    ) -> tuple[list[Any], str | None]:
        """Samples with what must be asked of the model before its first step, and what was done, for the log.

        Called with the model that is about to be trained, in the precision of its forward passes, also when a run goes
        on; `split` names the samples in OUT, `heed` is to be called now and then and ends the run when it is to stop.
        Nothing, unless an objective says so.
        """
        del split, model, tokenizer, out, heed
        return list(samples), None

    def recalled(self, held_out: HeldOut, plan: TrainPlan, out: Path) -> HeldOut:
        """The validation rows as they were prepared, for the tuned model.

        Raises:
            TrainerError: `job_failed` when OUT no longer has it.
        """
        del plan, out
        return held_out

    def chats(self, plan: TrainPlan, tokenizer: Any, held_out: HeldOut) -> Chats:
        """What an exported language model is proven on: the validation rows, else the training rows."""
        del plan, tokenizer, held_out
        return Chats([], [], "train")

    def filler(self, sample: Any) -> Any:
        """A sample that trains nothing, such as this one has the form of."""

    def probe(self, sample: Any) -> list[int]:
        """Token ids by which the merged model is held against the trained one."""

    def collator(self, plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
        """Puts the samples of a forward pass together."""

    def trainer_class(self, plan: TrainPlan) -> Any:
        """The transformers Trainer, or a subclass with the objective's loss."""

    def validation(
        self, model: Any, tokenizer: Any, samples: Sequence[Any], plan: TrainPlan
    ) -> dict[str, float | None]:
        """Measures over held-out samples; steps are compared by `validation_loss`. The model is in evaluation mode."""

    def evaluate(self, model: Any, tokenizer: Any, held_out: HeldOut, plan: TrainPlan, say: Say) -> dict[str, Any]:
        """All measures of a model before or after training, on the plan's `max_rows` first rows."""
