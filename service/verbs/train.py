"""train: the whole pipeline of a plan on this machine, in the foreground."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from service.artifacts.bundle import RunInputs, finish_run, prepare_run, require_space, require_usable
from service.errors import TuneGateError
from service.launch.local import (
    TRAIN,
    end_of_log,
    read_progress,
    read_result,
    start_trainer,
    stop_trainer,
    trainer_alive,
)
from service.launch.plan import require_launchable
from service.records.manifest import Manifest
from service.verbs.plan import PlanBundle
from trainers.contract import Progress

# merged weights + adapter + one ONNX copy per precision, none larger than the fp32 weights
_COPIES = 2
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 20.0


def train(bundle: PlanBundle, out: Path, *, report: Callable[[Progress], None]) -> Manifest:
    """Baseline, train, merge, export, parity, evaluate, manifest; `report` sees every progress record.

    Raises:
        TuneGateError: `plan_blocked`, `output_exists`, `disk_full`, `trainer_died`, or what the trainer reported.

    """
    plan = bundle.plan
    require_launchable(plan)
    require_usable(out, plan_id=plan.id)
    require_space(out, needed_bytes=needed_bytes(bundle))
    prepare_run(
        out,
        RunInputs(
            plan=plan,
            decision=bundle.decision,
            report=bundle.report,
            estimate=bundle.estimate,
            dataset=bundle.dataset,
            validation=bundle.validation,
            model=bundle.model,
        ),
    )
    for record in follow_trainer(out):
        report(record)
    raise_failure(out)
    return finish_run(out, plan=plan, job=None)


def needed_bytes(bundle: PlanBundle) -> int:
    """A safe-side guess of the outputs' size: the base weights for every copy that is written."""
    weights = sum(path.stat().st_size for path in bundle.model.glob("*.safetensors"))
    return weights * (_COPIES + len(bundle.plan.outputs.onnx))


def follow_trainer(out: Path, entry: str = TRAIN) -> Iterator[Progress]:
    """Start the trainer and yield its progress until it ends; leaving early stops the whole process tree."""
    process = start_trainer(out, entry)
    seen = 0
    try:
        running = True
        while running:
            running = process.poll() is None
            for record in read_progress(out, after=seen):
                seen = record.n
                yield record
            if running:
                time.sleep(_POLL_SECONDS)
    finally:
        if trainer_alive(out):
            stop_trainer(out, grace_seconds=_GRACE_SECONDS)


def raise_failure(out: Path) -> None:
    """Raise what the trainer reported, or `trainer_died` when it left no result."""
    result = read_result(out)
    if result is None:
        raise TuneGateError(
            "trainer_died",
            f"The trainer ended without a result. Its last words: {end_of_log(out) or 'none'}",
            remedy="Run it again; a killed trainer usually means that memory ran out.",
        )
    if result.error is not None:
        raise TuneGateError(result.error.code, result.error.detail, remedy=result.error.remedy)
    if result.status != "succeeded":
        raise TuneGateError("interrupted", "The trainer was stopped before it was done.", remedy="Run it again.")
