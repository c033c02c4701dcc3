"""What a job's steps fetch from the storage and keep there; an outage of the storage makes them wait, not fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from service.artifacts.bundle import RunInputs
from service.errors import TuneGateError
from service.jobs.carrying import carrier, patiently
from service.launch.local import WORK
from service.records.dataset import Dataset
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED, Job, State
from service.storage.storage import ProjectStorage, Storage
from service.store.store import Store
from trainers.contract import DatasetRef, TrainPlan

T = TypeVar("T")
PASSES = frozenset({"storage_unreachable", "storage_refused"})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 60.0


async def once_storage_answers(
    store: Store, job_id: str, work: Callable[[], T], *, also: frozenset[str] = frozenset()
) -> T:
    """What work gives, tried again for as long as the job stays in its state and the storage is away or refuses us.

    Raises:
        TuneGateError: what the work raises otherwise; `job_cancelled` once the job is in another state.
    """
    state, wait, told = (await patiently(store.job, job_id)).state, _FIRST_WAIT_SECONDS, False
    while True:
        try:
            return await patiently(work)
        except TuneGateError as error:
            if error.code not in PASSES | also:
                raise
            if not told:
                said = {"message": f"waits for the storage: {error.detail} {error.remedy}"}
                await patiently(store.update_job, job_id, lambda job: job, ("log", said), carrier=carrier())
            told = True
        await _wait(store, job_id, state, wait)
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


async def _wait(store: Store, job_id: str, state: State, seconds: float) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        if (await patiently(store.job, job_id)).state != state:
            raise TuneGateError("job_cancelled", "The job was cancelled while it waited for the storage.")
        await asyncio.sleep(min(left, 1.0))


def with_data(store: Store, storage: Storage, job_id: str, run: RunInputs) -> RunInputs:
    """The inputs of a run with its data as files of this machine, checked; what it starts from is fetched too.

    Raises:
        TuneGateError: `plan_mismatch` for a dataset that was deleted, and what the storage raises.
    """
    project = store.project_of(job_id)
    records, files, plan = store.of(project), storage.of(project), run.plan
    try:
        if plan.starts_from is not None and plan.starts_from.job:
            files.artifact(plan.starts_from.job)
        dataset = data_file(records, files, plan.dataset)
        validation = data_file(records, files, plan.validation) if plan.validation else None
    except TuneGateError as error:
        if error.code not in {"unknown_id", "storage_missing"}:
            raise
        detail, remedy = "A dataset of the plan was deleted.", "Upload it and plan again."
        raise TuneGateError("plan_mismatch", detail, remedy=remedy) from error
    return msgspec.structs.replace(run, dataset=dataset, validation=validation)


def data_file(records: Store, files: ProjectStorage, reference: DatasetRef) -> Path:
    """A dataset of a plan as a file of this machine.

    Raises:
        TuneGateError: `unknown_id`, and what the storage raises.
    """
    found = records.get("dataset", str(reference.id), Dataset)
    return files.dataset(found.id, sha256=reference.sha256, size=found.bytes)


def keep_dataset(records: Store, files: ProjectStorage, dataset: Dataset, path: Path, most: int | None) -> Dataset:
    """Keep a dataset of a project with its bytes, which are moved there; an equal one is there once.

    Raises:
        TuneGateError: `quota_exceeded` beyond `most` bytes of datasets, and what the storage raises.
    """
    # a kill between the bytes and the record leaves bytes that are found by this
    records.storing.begin("dataset", dataset.id)
    if files.has_dataset(dataset.id):
        records.renew("dataset", dataset.id)
    else:
        records.require_room(dataset.bytes, most)
        files.keep_dataset(dataset.id, path)
    try:
        stored = records.put("dataset", dataset.id, dataset, most_bytes=most)
    except TuneGateError:
        # others were stored meanwhile; no record names these bytes
        files.remove_dataset(dataset.id)
        raise
    # an equal one may have been removed meanwhile, with its bytes
    if not files.has_dataset(dataset.id):
        files.keep_dataset(dataset.id, path)
    return stored


def in_use(store: Store, *, runs: Path, evaluations: Path, copies: Path) -> set[Path]:
    """Local copies that jobs and evaluations read which have not ended."""
    found: set[Path] = set()
    for plan in runs.glob(f"*/{WORK}/plan.json"):
        out = plan.parent.parent
        if _ended(store.job, out.name):
            continue
        found.add(out)
        read = msgspec.json.decode(plan.read_bytes(), type=TrainPlan)
        start = read.starts_from.path if read.starts_from else None
        named = [read.dataset.path, read.validation.path if read.validation else None, start]
        found |= {Path(one) for one in named if one}
    for work in evaluations.glob(f"*/{WORK}/plan.json"):
        if not _ended(store.evaluations.get, work.parent.parent.name):
            # which of them it reads is its own affair
            found |= set(_every(copies, runs))
    return found


def _every(copies: Path, runs: Path) -> Iterator[Path]:
    yield from copies.glob("*/datasets/*.jsonl")
    yield from (path for path in runs.iterdir() if path.is_dir())


def _ended(get: Callable[[str], Job | EvaluationJob], identifier: str) -> bool:
    try:
        return get(identifier).state in ENDED
    except TuneGateError:
        return True
