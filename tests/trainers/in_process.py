"""The workers of a run in the process of the test, which has the libraries loaded: a process pays seconds for that."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.outfiles import load_part
from trainers.progress import ProgressWriter
from trainers.stopping import StopSignal
from trainers.tune import tune


def tune_here(plan: Path | TrainPlan, out: Path) -> None:
    """Baseline, train and merge, or what is left of them after a kill; raises what the worker would report."""
    if isinstance(plan, Path):
        plan = msgspec.json.decode(plan.read_bytes(), type=TrainPlan)
    out.mkdir(exist_ok=True)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        tune(plan, out, ProgressWriter(out), StopSignal())
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def run_here(plan: Path, out: Path) -> dict[str, Any]:
    """All three workers, one after the other; a part of the result by the result's own names."""
    from trainers.onnx.build import export
    from trainers.onnx.prove import prove

    decoded = msgspec.json.decode(plan.read_bytes(), type=TrainPlan)
    tune_here(decoded, out)
    export(decoded, out, ProgressWriter(out))
    prove(decoded, out, ProgressWriter(out))
    of = {"training": "training", "evaluation_before": "baseline", "evaluation_after": "evaluate"}
    return {"onnx": load_part(out, "onnx")["onnx"]} | {name: load_part(out, part) for name, part in of.items()}
