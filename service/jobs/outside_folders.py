"""Where work of a process of its own is carried out: in the folder it was given, or in one made of what is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from service.jobs.carrying import carrier
from service.jobs.executor import is_home
from service.jobs.ground import Ground
from service.jobs.outside_inputs import Places, decoded, fill, with_answers
from service.launch.local import stop_trainer, work_plan
from service.records.dataset import Dataset


def within_reach(identifier: str, folder: Path) -> Path | None:
    """Where its files are, if this service can reach them; `folder` has those of this one's."""
    run = Ground.store.runs.get(identifier)
    if run.folder is None or run.home == Ground.executor.home:
        return folder / identifier
    there = Path(run.folder)
    return there if is_home(there.parent.parent, run.home) and there.is_dir() else None


def settled(identifier: str, folder: Path, project_of: Callable[[str], str]) -> Path | None:
    """Where it goes on; None for one of an earlier version, whose needs are in its lost folder alone.

    One that was taken by a service that carries nothing out, or was never placed, has no folder yet. What was answered
    in a folder that is lost is asked again.

    Raises:
        Fenced: when another carries it out.
        TuneGateError: what the storage raises; `unknown_id` for a dataset that was deleted.
        OSError: when the folder cannot be made.
    """
    run, found = Ground.store.runs.get(identifier), within_reach(identifier, folder)
    content, mine, out = Ground.store.runs.inputs(identifier), carrier(), folder / identifier
    if found is not None and (content is None or (run.folder is not None and work_plan(found).is_file())):
        return found
    if content is None or mine is None:
        return None
    inputs, project = with_answers(decoded(content), folder), project_of(identifier)
    records, files = Ground.store.of(project), Ground.storage.of(project)
    stop_trainer(out, grace_seconds=0)
    shutil.rmtree(out, ignore_errors=True)
    # first, so that what it reads is known to be in use
    fill(out, inputs, Places(str(files.datasets), str(Ground.runs), str(Ground.models)))
    for one in inputs.datasets:
        dataset = records.get("dataset", one, Dataset)
        files.dataset(one, sha256=dataset.sha256, size=dataset.bytes)
    for job in inputs.jobs:
        files.artifact(job)
    Ground.store.runs.settle(identifier, mine, home=Ground.executor.home, folder=str(out), base=0)
    return out
