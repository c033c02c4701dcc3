"""What a run does after every step: say it, measure, stop when asked to, and decide what is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.sharding.ranks import any_of_us, as_first, is_first, wait_for_all
from trainers.training.checkpoints import Checkpoints, Schedule
from trainers.training.tracking import Tracker
from trainers.training.validation import MEASURE, Validator, best


class Watcher:
    """Hears of every step through its loss, which the Trainer logs just before it saves."""

    def __init__(
        self,
        *,
        progress: ProgressWriter,
        stopping: Callable[[], bool],
        validator: Validator,
        checkpoints: Checkpoints,
        schedule: Schedule,
        tracker: Tracker,
        keep_best: Callable[[int], None] | None,
        seconds_before: float,
        saves: bool = True,
    ) -> None:
        self._progress = progress
        self._stopping = stopping
        self._validator = validator
        self._checkpoints = checkpoints
        self._schedule = schedule
        self._tracker = tracker
        self._keep_best = keep_best
        self._saves = saves
        self._began = time.monotonic() - seconds_before
        self.stopped = False

    @property
    def seconds(self) -> float:
        """Since the first step of the run, interruptions left out."""
        return round(time.monotonic() - self._began, 1)

    def begins(self, state: Any) -> None:
        """A resumed run: records that a power cut took from progress.jsonl are in the checkpoint's history."""
        for entry in list(state.log_history):
            if "loss" in entry:
                self._say_step(entry["step"], state.max_steps, entry)
            elif MEASURE in entry:
                self._say_measured(state, entry, _measured(entry))

    def stepped(self, state: Any, control: Any, logs: dict[str, Any], model: Any) -> None:
        """A step is done: `control` takes what is to happen before the next one.

        Raises:
            TrainerError: `job_failed` when a number of it is none.
        """
        step, last = state.global_step, state.global_step >= state.max_steps
        _require_finite(step, logs)
        self._say_step(step, state.max_steps, logs)
        epoch_end = step % (state.max_steps // state.num_train_epochs) == 0
        if self._validator.due(step, epoch_end=epoch_end, last=last):
            self._measure(model, state)
            if self._validator.given_up(state.log_history) and not last:
                self._progress.log(f"stopped early after step {step}: no better validation loss since {_best(state)}")
                control.should_training_stop = True
                return  # no checkpoint here: resumed from it, the run would go on
        if any_of_us(self._stopping()) and not last:
            self.stopped = control.should_training_stop = True
        if self._saves and not last and (self.stopped or as_first(self._schedule.due(step, epoch_end=epoch_end))):
            self._schedule.begin()
            control.should_save = True

    def saved(self, state: Any) -> None:
        """The Trainer has written a checkpoint; it is whole when every process has written its part."""
        top = best(state.log_history) if self._keep_best else None
        wait_for_all()
        if is_first():
            self._checkpoints.seal(state.global_step, seconds=self.seconds, best=top[0] if top else None)
        self._schedule.saved()
        wait_for_all()

    def _measure(self, model: Any, state: Any) -> None:
        step = state.global_step
        # one value for all: their sums may differ in the last bit, and their decisions must not
        entry = {"step": step} | (as_first(self._validator.measure(model, step)) or {})
        state.log_history.append(entry)
        is_best = best(state.log_history) == (step, entry[MEASURE])
        if self._keep_best and is_best:
            self._keep_best(step)
        self._say_measured(state, entry, _measured(entry, is_best=is_best))
        self._tracker.metrics(step, **{name: value for name, value in entry.items() if name != "step"})

    def _say_measured(self, state: Any, entry: dict[str, Any], message: str) -> None:
        others = {name: value for name, value in entry.items() if name not in ("step", MEASURE)}
        self._progress.validation(
            step=entry["step"], total=state.max_steps, loss=entry[MEASURE], message=message, measures=others or None
        )

    def _say_step(self, step: int, total: int, logs: dict[str, Any]) -> None:
        loss, rate = float(logs["loss"]), float(logs["learning_rate"])
        epoch = round(float(logs.get("epoch") or 0), 4)
        if self._progress.step(step=step, total=total, loss=loss, learning_rate=rate, epoch=epoch):
            self._tracker.metrics(step, loss=loss, learning_rate=rate)


def as_callback(watcher: Watcher) -> Any:
    """The watcher where the Trainer looks for it."""
    from transformers import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            watcher.begins(state)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            del args
            if logs and "loss" in logs:
                watcher.stepped(state, control, logs, kwargs["model"])

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            watcher.saved(state)

    return Callback()


def _require_finite(step: int, logs: dict[str, Any]) -> None:
    """End before anything is saved: one such gradient makes every weight a NaN."""
    for name, value in (("loss", logs["loss"]), ("gradient norm", logs.get("grad_norm", 0.0))):
        if not math.isfinite(float(value)):
            raise TrainerError(
                "job_failed",
                f"The {name} of step {step} is not a number ({float(value)}).",
                remedy="Nothing of it was saved. Plan again with a lower learning rate, or a longer warm-up.",
            )


def _measured(entry: dict[str, Any], *, is_best: bool = False) -> str:
    others = "".join(
        f", {name.replace('_', ' ')} {value:.3f}" for name, value in entry.items() if name not in ("step", MEASURE)
    )
    best_so_far = ", the best so far" if is_best else ""
    return f"validation loss {entry[MEASURE]:.4f}{others} after step {entry['step']}{best_so_far}"


def _best(state: Any) -> str:
    top = best(state.log_history)
    return f"step {top[0]}" if top else "the start"
