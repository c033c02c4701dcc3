"""What following a run costs: the share of its time that goes into progress records and checkpoints.

Run: python benchmarks/train_overhead.py (about a minute). LoRA on the model of train_speed.py, with batches that make a
step last about a second, and an epoch's end every five steps, where checkpoints are due. A checkpoint is written when
40 times the duration of the last one has passed, so its share is bounded whatever the disk; this says what it is.
"""

from __future__ import annotations

import platform
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import train_speed
from msgspec.structs import replace
from train_speed import Tokenizer, model, plan, rows

from trainers.progress import ProgressWriter
from trainers.training.checkpoints import Schedule
from trainers.training.loop import fit

BATCH = 16
EPOCHS = 8


class Spent:
    """Seconds in progress records and in checkpoints, and when steps ended."""

    def __init__(self) -> None:
        self.progress = self.checkpoints = 0.0
        self.ends: list[float] = []
        self.saves = 0


def watched(spent: Spent) -> None:
    """Time every checkpoint, from the moment it is due until it is sealed."""
    begin, saved = Schedule.begin, Schedule.saved
    started = [0.0]

    def timed_begin(self: Schedule) -> None:
        started[0] = time.perf_counter()
        begin(self)

    def timed_saved(self: Schedule) -> None:
        saved(self)
        spent.checkpoints += time.perf_counter() - started[0]
        spent.saves += 1

    Schedule.begin, Schedule.saved = timed_begin, timed_saved  # type: ignore[method-assign]


class Timed(ProgressWriter):
    """The run's own progress, timed."""

    def __init__(self, out: Path, spent: Spent) -> None:
        super().__init__(out)
        self._spent = spent

    def step(self, **values: Any) -> bool:
        """One record."""
        started = time.perf_counter()
        written = super().step(**values)
        self._spent.ends.append(time.perf_counter())
        self._spent.progress += self._spent.ends[-1] - started
        return written


def main() -> int:
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    train_speed.BATCH = BATCH
    data, spent = rows(random.Random(0)), Spent()
    watched(spent)
    base = plan(packing=False)
    values = replace(base.hyperparameters, batch_size=BATCH, micro_batch=BATCH, n_epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        fit(replace(base, hyperparameters=values), out, model, Tokenizer(), data, Timed(out, spent), lambda: False)
    steps = len(spent.ends) - 1
    whole = spent.ends[-1] - spent.ends[0]
    print(f"python {platform.python_version()}, torch {torch.__version__}, one thread, {steps} steps")
    print(f"  {whole / steps:.2f} s a step, {spent.saves} checkpoints")
    share = (spent.progress + spent.checkpoints) / whole
    print(
        f"  progress {spent.progress / whole:.3%}, checkpoints {spent.checkpoints / whole:.2%} of the time: "
        f"{share:.2%} (goal 3 %)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
