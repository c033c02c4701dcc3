"""train: the whole pipeline of a plan on this machine, in the foreground; run again, it goes on where it stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from service.artifacts.bundle import (
    RunInputs,
    finish_run,
    finished_run,
    prepare_run,
    require_space,
    require_usable,
)
from service.errors import TuneGateError
from service.launch.blockers import require_launchable
from service.launch.local import (
    TRAIN,
    end_of_log,
    read_progress,
    read_result,
    start_trainer,
    stop_trainer,
    trainer_alive,
)
from service.launch.managed import MANAGED
from service.launch.targets.registry import is_remote
from service.models.tensors import fp32_bytes
from service.records.manifest import MANIFEST, Manifest
from service.verbs.plan import PlanBundle
from trainers.contract import Progress, TrainPlan

# merged weights, and adapter or (full fine-tuning) model, beside one ONNX copy per precision; none is larger than the
# fp32 weights, and where the disk has hard links the model of full fine-tuning takes its space once
_COPIES = 2
_POLL_SECONDS = 0.2
# one step and one checkpoint; a second Ctrl-C does not wait for it
_GRACE_SECONDS = 120.0


def train(bundle: PlanBundle, out: Path, *, report: Callable[[Progress], None]) -> Manifest:
    """Baseline, train, merge, export, parity, evaluate, manifest; `report` sees every new progress record.

    A folder with an unfinished run of the same plan goes on where that was stopped or killed; one with a
    finished run is verified and answered with its manifest.

    Raises:
        TuneGateError: `interrupted` by Ctrl-C, `plan_mismatch` on another plan's run, `plan_blocked`,
            `output_exists`, `run_locked`, `disk_full`, `trainer_died`, or what the trainer reported.

    """
    plan = bundle.plan
    require_here(plan)
    require_launchable(plan)
    done = finished_run(out, plan_id=plan.id)
    if done is not None:
        return done
    require_usable(out, plan_id=plan.id)
    if trainer_alive(out):
        raise TuneGateError("run_locked", f"A trainer still runs in {out}.", remedy="Wait for its end, or stop it.")
    require_space(out, needed_bytes=needed_bytes(bundle))
    prepare_run(
        out,
        run_inputs(bundle),
    )
    try:
        with sigterm_as_ctrl_c():
            for record in follow_trainer(out):
                report(record)
    except KeyboardInterrupt:
        raise TuneGateError("interrupted", "Stopped before it was done.", remedy=_go_on(out)) from None
    raise_failure(out)
    return finish_run(out, plan=plan, job=None)


def require_here(plan: TrainPlan) -> None:
    """Refuse a plan that is made for machines elsewhere.

    Raises:
        TuneGateError: `target_cannot`.
    """
    if is_remote(plan.target):
        raise TuneGateError(
            "target_cannot",
            f"The plan is for {plan.target}, and this command trains on this machine.",
            remedy="Launch it by a service (tunegate serve, then POST /v1/plans and /v1/jobs; tunegate jobs watch "
            "follows it), or by hand: tunegate plan ... --emit script. To train here, plan with --target local.",
        )


def found_in(out: Path, plan_id: str) -> Literal["nothing", "unfinished", "finished"]:
    """What a run folder holds of this plan."""
    try:
        earlier = msgspec.json.decode((out / "plan.json").read_bytes(), type=TrainPlan).id
    except (OSError, msgspec.DecodeError):
        return "nothing"
    if earlier != plan_id:
        return "nothing"
    return "finished" if (out / MANIFEST).exists() else "unfinished"


def run_inputs(bundle: PlanBundle) -> RunInputs:
    """What a run folder is filled with."""
    return RunInputs(
        plan=bundle.plan,
        decision=bundle.decision,
        report=bundle.report,
        estimate=bundle.estimate,
        dataset=bundle.dataset,
        validation=bundle.validation,
        model=bundle.model,
        evaluation=bundle.evaluation,
    )


def needed_bytes(bundle: PlanBundle) -> int:
    """A safe-side guess of the outputs' size: the base weights in fp32 for every copy that is written."""
    if bundle.plan.technique == MANAGED:
        return 0  # no weights come back
    return fp32_bytes(bundle.model) * (_COPIES + len(bundle.plan.outputs.onnx))


def follow_trainer(out: Path, entry: str = TRAIN) -> Iterator[Progress]:
    """Start the trainer and yield its progress until it ends; leaving early stops the whole process tree."""
    seen = max((record.n for record in read_progress(out, after=0)), default=0)  # an earlier try said these
    process = start_trainer(out, entry, ends_with_us=True)
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
        raise TuneGateError("interrupted", "The trainer was stopped before it was done.", remedy=_go_on(out))


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """A SIGTERM must not end us without our trainer (signals can be taken in the main thread alone)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _go_on(out: Path) -> str:
    steps = [record for record in read_progress(out, after=0) if record.event == "step"]
    done = f" ({steps[-1].step} of {steps[-1].total} steps are done)" if steps else ""
    return f"The same command goes on where it stopped{done}; or: tunegate train {out / 'plan.json'} -o {out}"
