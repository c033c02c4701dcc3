"""Stands where `trainers.train` stands, without torch: `python -m quick_trainer PLAN OUT`, so that a run takes seconds.

Lock, plan, progress, checkpoints, refusal to repeat and verdict are the trainers' own; only the arithmetic is not. Its
"weights" are a chain of hashes over the steps, so that a run that went on from a wrong place has other weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from trainers.contract import Result, TrainPlan
from trainers.lock import RunLocked, hold
from trainers.outfiles import WORK, write_atomically
from trainers.problems import from_exception
from trainers.progress import ProgressWriter
from trainers.runfolder import carried_out, claim, clear_leftovers
from trainers.stopping import StopSignal
from trainers.verdict import leave, reserve

STEP_SECONDS = 0.05
_CHECKPOINT = Path(WORK) / "quick-checkpoint.json"


def main(plan_path: Path, out: Path) -> int:
    """0 succeeded, 1 stopped, 3 somebody else trains here."""
    stop = StopSignal()
    plan = msgspec.json.decode(plan_path.read_bytes(), type=TrainPlan)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with hold(out), stop.gentle():
            try:
                return _run(plan, out, stop)
            except OSError as error:
                leave(out, Result(status="failed", plan=plan.id, error=from_exception(error, "train").failure))
                return 1
    except RunLocked:
        return 3


def _run(plan: TrainPlan, out: Path, stop: StopSignal) -> int:
    if claim(out, plan) and carried_out(out, plan):
        return 0
    clear_leftovers(out)
    reserve(out)
    progress = ProgressWriter(out)
    progress.phase("train")
    step, state, steps = 0, weights_before(plan.id), steps_of(plan)
    if (out / _CHECKPOINT).exists():
        kept = json.loads((out / _CHECKPOINT).read_text())
        step, state = kept["step"], kept["state"]
        progress.log(f"resumed at step {step}")
    while step < steps:
        if stop():
            leave(out, Result(status="stopped", plan=plan.id))
            return 1
        time.sleep(STEP_SECONDS)
        state = after_step(state, step)
        step += 1
        progress.step(step=step, total=steps, loss=1 / step, learning_rate=0.1, epoch=None)
        if step % 3 == 0:
            write_atomically(out / _CHECKPOINT, json.dumps({"step": step, "state": state}).encode())
    progress.phase("merge")
    write_atomically(out / "model" / "model.safetensors", state.encode())
    leave(out, Result(status="succeeded", plan=plan.id, training={"steps": steps}))
    return 0


def steps_of(plan: TrainPlan) -> int:
    """Ten for each epoch of the plan."""
    return 10 * plan.hyperparameters.n_epochs


def weights_before(plan_id: str) -> str:
    return hashlib.sha256(plan_id.encode()).hexdigest()


def after_step(state: str, step: int) -> str:
    return hashlib.sha256(f"{state} {step}".encode()).hexdigest()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(code)
