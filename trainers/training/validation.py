"""Validation on the way: the loss on held-out rows, the best step so far, and when to give up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trainers.contract import TrainPlan
from trainers.objectives.objective import Objective
from trainers.problems import TrainerError

# kept in the Trainer's own log history, which travels with every checkpoint: a resumed run knows what was measured
MEASURE = "validation_loss"
History = Sequence[dict[str, Any]]


class Validator:
    """Measures a model on the same rows each time; it draws no random number, so the run is the same without it."""

    def __init__(self, learns: Objective, tokenizer: Any, samples: Sequence[Any], plan: TrainPlan) -> None:
        self._learns = learns
        self._tokenizer = tokenizer
        self._samples = list(samples)
        self._plan = plan
        self._every = plan.hyperparameters.eval_steps
        self._patience = plan.hyperparameters.early_stopping

    def due(self, step: int, *, epoch_end: bool, last: bool) -> bool:
        """After every `eval_steps` steps, or at the end of each epoch; always after the last step."""
        if not self._samples:
            return False
        return last or (epoch_end if self._every is None else step % self._every == 0)

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """What the objective measures on the held-out samples, `validation_loss` among it.

        Raises:
            TrainerError: `job_failed` when it is no number.
        """
        training = model.training
        model.eval()
        try:
            found = self._learns.validation(model, self._tokenizer, self._samples, self._plan)
        finally:
            model.train(training)
        measures = {name: float(value) for name, value in found.items() if value is not None}
        if not math.isfinite(measures.get(MEASURE, math.nan)):
            raise TrainerError(
                "job_failed",
                f"The validation loss after step {step} is not a number.",
                remedy="Plan again with a lower learning rate.",
            )
        return measures

    def given_up(self, history: History) -> bool:
        """Whether as many evaluations as the plan's patience brought no better loss."""
        return self._patience is not None and evaluations_since_best(history) >= self._patience


def measured(history: History) -> list[tuple[int, float]]:
    """(step, loss) of every evaluation so far."""
    return [(entry["step"], entry[MEASURE]) for entry in history if MEASURE in entry]


def best(history: History) -> tuple[int, float] | None:
    """The evaluation with the lowest loss, the earliest of equals."""
    return min(measured(history), key=lambda one: (one[1], one[0]), default=None)


def evaluations_since_best(history: History) -> int:
    """How many evaluations came after the best one."""
    top = best(history)
    return sum(step > top[0] for step, _ in measured(history)) if top else 0
