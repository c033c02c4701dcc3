"""What a run says while it trains, and how it stops when it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from trainers.progress import ProgressWriter


class Watcher(TrainerCallback):  # type: ignore[misc]
    """Writes a record per optimizer step, and stops after the current one when asked to."""

    def __init__(self, progress: ProgressWriter, stopping: Callable[[], bool]) -> None:
        self._progress = progress
        self._stopping = stopping
        self.losses: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, kwargs
        if self._stopping():
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        del args, control, kwargs
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))
            self._progress.step(
                step=state.global_step,
                total=state.max_steps,
                loss=float(logs["loss"]),
                learning_rate=float(logs["learning_rate"]),
                epoch=round(float(state.epoch or 0), 4),
            )
