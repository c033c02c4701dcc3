"""What a remote job left, here: its files, and the ONNX of an adapter whose target makes none.

Begun again at any place it goes on: files that were fetched whole are kept, and an exporter that lives is adopted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from service.artifacts.bundle import RunInputs
from service.errors import TuneGateError
from service.jobs import remote
from service.jobs.carrying import carrier, patiently
from service.jobs.ground import Ground
from service.jobs.keeping import once_storage_answers, with_data
from service.jobs.remote_job import plan_of
from service.jobs.resuming import note_start, worth_resuming
from service.jobs.sending import model_folder
from service.jobs.threads import transferring
from service.jobs.turns import give_back, turn
from service.launch.exporting import prepare_export
from service.launch.local import EXPORT, WORK, read_result, start_trainer, stop_trainer, trainer_alive
from service.launch.targets.target import LaunchPlan
from service.records.job import ENDED, Job, OnnxOf, RemoteRun

_FETCHED = "fetched"
_LEFT = "What was trained lies there still"
Waits = Callable[[str, Path], Awaitable[None]]


async def bring_back(job_id: str, out: Path, run: RunInputs, until_dead: Waits) -> None:
    """Fetch everything, and export where the launch plan says so.

    `until_dead` forwards what the exporter says until it ends.

    Raises:
        TuneGateError: what `remote.fetch` raises; what the exporter failed with; `job_cancelled`.
    """
    plan = await patiently(plan_of, Ground.store, job_id)
    if not plan.exports_here or not (out / WORK / _FETCHED).exists():
        await transferring(lambda: remote.fetch(Ground.store, job_id, out), target=plan.target)
    if plan.exports_here:
        await _export(job_id, out, run, plan, until_dead)
    if plan.result is not None:
        await patiently(_show, job_id, plan, exported=plan.exports_here)


async def _export(job_id: str, out: Path, run: RunInputs, plan: LaunchPlan, until_dead: Waits) -> None:
    if not (out / WORK / _FETCHED).exists():
        found = await once_storage_answers(
            Ground.store, job_id, lambda: with_data(Ground.store, Ground.storage, job_id, run)
        )
        await patiently(_prepare, out, found)
    try:
        await turn(job_id, out)
        while True:
            await patiently(_started, job_id, out)
            await until_dead(job_id, out)
            if not await patiently(worth_resuming, out):
                break
            (out / "result.json").unlink(missing_ok=True)
    finally:
        give_back(job_id)
    await patiently(_require_exported, job_id, out, plan)


def _prepare(out: Path, run: RunInputs) -> None:
    """The exporter's plan instead of the adapter's proof of success; `run` with its data as files of this machine."""
    model = model_folder(run)
    if not model.is_dir():
        detail = f"{run.plan.model}: the base model is not on this machine, so there is no ONNX of its adapter."
        raise TuneGateError("plan_mismatch", detail, remedy="Put it among this service's models and launch again.")
    validation = run.plan.validation
    prepare_export(
        out,
        run.plan,
        model=model,
        dataset=msgspec.structs.replace(run.plan.dataset, path=str(run.dataset)),
        validation=msgspec.structs.replace(validation, path=str(run.validation)) if validation else None,
        outputs=run.plan.outputs,
    )
    (out / "result.json").unlink(missing_ok=True)
    (out / WORK / _FETCHED).touch()


def _started(job_id: str, out: Path) -> None:
    """Start the exporter, unless one lives or has left its verdict; never for a job that is being cancelled."""
    _require_wanted(job_id)
    if trainer_alive(out) or read_result(out) is not None:
        return
    note_start(out)
    start_trainer(out, EXPORT)
    try:
        _require_wanted(job_id)
    except TuneGateError:
        # whoever cancelled it may not have seen it yet
        stop_trainer(out, grace_seconds=0)
        raise


def _require_wanted(job_id: str) -> None:
    if Ground.store.job(job_id).state in {"cancelling", *ENDED}:
        raise TuneGateError("job_cancelled", "The job was cancelled while its adapter was exported.")


def _require_exported(job_id: str, out: Path, plan: LaunchPlan) -> None:
    """The exporter's verdict; what was paid for is named where it is bad."""
    _require_wanted(job_id)
    result = read_result(out)
    if result is not None and result.status == "succeeded":
        return
    where = f" {_LEFT}: {plan.result.id}." if plan.result is not None and plan.result.id else ""
    if result is not None and result.error is not None:
        raise TuneGateError(result.error.code, result.error.detail, remedy=f"{result.error.remedy}{where}")
    raise TuneGateError("trainer_died", "The exporter ended without a result.", remedy=f"Launch it again.{where}")


def _show(job_id: str, plan: LaunchPlan, *, exported: bool) -> None:
    def change(job: Job) -> Job:
        made = plan.result
        if made is not None and exported:
            made = msgspec.structs.replace(made, onnx=OnnxOf(None, available=True))
        run = job.remote or RemoteRun(plan.target, plan.name)
        return msgspec.structs.replace(job, remote=msgspec.structs.replace(run, result=made))

    Ground.store.update_job(job_id, change, carrier=carrier())
