"""What the steps of jobs stand on, and what they need: set once by the service before DBOS starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from service.artifacts.bundle import RunInputs
from service.jobs.executor import Executor
from service.storage.storage import Storage
from service.store.store import Store


class Ground:
    """Of this process."""

    store: Store
    storage: Storage
    runs: Path
    models: Path
    executor: Executor
    # the most that datasets of one project may take; None for no limit
    project_bytes: int | None


class JobInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a job needs: the records of its run, kept in the database for whichever service carries it out.

    Where its data lie is found when it is prepared: `run.dataset` and `run.validation` say nothing.
    """

    run: RunInputs
    needed_bytes: int
    # the request that launched it, for its traces
    traceparent: str = ""


def encoded(inputs: JobInputs) -> str:
    """The inputs as the database keeps them."""
    return msgspec.json.encode(inputs, enc_hook=str).decode()


def inputs_of(job_id: str) -> JobInputs | None:
    """What a job needs; None once it has ended."""
    content = Ground.store.runs.inputs(job_id)
    return None if content is None else msgspec.json.decode(content, type=JobInputs, dec_hook=_path)


def _path(_: type[Any], text: str) -> Any:
    return Path(text)


def keep_inputs_of_files(store: Store, runs: Path) -> None:
    """Move what an earlier version kept beside the run folders into the database."""
    for path in sorted(runs.glob("*.inputs.json")):
        identifier = path.name.removesuffix(".inputs.json")
        if identifier in store.open_jobs():
            store.runs.keep_inputs(identifier, path.read_text())
        path.unlink()
