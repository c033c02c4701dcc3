"""What every technique is: a base to train, something trainable in it, and a way back to a plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from trainers.contract import TrainPlan


class Technique(Protocol):
    """One way to fine-tune. The loop calls load, wrap, optimizer, callbacks and save, in this order; then merged.

    Techniques hold no state: what a later step must know of an earlier one lies in OUT or on the model.
    """

    def load(self, plan: TrainPlan) -> Any:
        """The base as it is trained, in evaluation mode, on the device that trains.

        Raises:
            TrainerError: `unreadable_model`, `missing_extra`.
        """

    def wrap(self, model: Any, plan: TrainPlan, *, steps: int) -> Any:
        """The model with what is trained in it; `steps` optimizer steps lie ahead in the whole run.

        Raises:
            TrainerError: `target_cannot` when the settings do not fit this model.
        """

    def begun(self, model: Any, plan: TrainPlan) -> Any:
        """What is measured before the training: the base, or what an earlier run made of it (the base is used up)."""

    def optimizer(self, model: Any, plan: TrainPlan) -> Any | None:
        """An own optimizer over the wrapped model, or None for the one of the plan."""
        del model, plan
        return None

    def resumes(self, plan: TrainPlan) -> bool:
        """Whether a checkpoint holds all that the method has learnt; if not, an interrupted run begins anew."""
        del plan
        return True

    def callbacks(self, model: Any, plan: TrainPlan) -> list[Any]:
        """`TrainerCallback`s that the technique needs while it trains."""
        del model, plan
        return []

    def save(
        self, model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None = None
    ) -> None:
        """Leave what was trained in OUT, complete and fit to be handed over; may be called more than once.

        `weights` are the gathered values where the model's own are spread over processes.
        """

    def merged(self, plan: TrainPlan, out: Path) -> Any | None:
        """A plain fp32 model that computes what was trained, on the CPU; None when the method has no merge."""

    def tuned(self, plan: TrainPlan, out: Path) -> Any:
        """The base with what was saved, not merged, on the CPU: what is measured where there is no merge."""
