"""The run folder of a job on this host: its own, moved here from one that can be reached, or begun anew.

Only the folder of the last carrier counts; whatever an earlier try left in this data folder is removed before.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import TuneGateError
from service.jobs.executor import is_home
from service.jobs.ground import Ground
from service.launch.local import WORK, stop_trainer
from service.records.manifest import MANIFEST
from service.store.runs import Run

_GRACE_SECONDS = 10.0
_MOVED = "the job goes on here with the files of its earlier run"
_FINISHED = "the job goes on here with what the storage has of its earlier run, which came to its end"
_ANEW = "the job begins anew here: the files of its earlier run cannot be reached"


def settle(job_id: str, carrier: str | None) -> Path:
    """The folder in which the job goes on, which is here from now on.

    Raises:
        Fenced: when another carries the job out.
        OSError: when it cannot be moved.
        TuneGateError: what the storage raises.
    """
    out = Ground.runs / job_id
    run = Ground.store.runs.get(job_id)
    if carrier is None or run.home == Ground.executor.home:
        return out
    base, said = run.base, None
    if run.home is not None:
        _remove(out)
        said = _MOVED if _moved(run, out) else _FINISHED if _finished(job_id) else _ANEW
        if said == _ANEW:
            base = Ground.store.forwarded(job_id)
    Ground.store.runs.settle(job_id, carrier, home=Ground.executor.home, folder=str(out), base=base)
    if said is not None:
        Ground.store.update_job(job_id, lambda job: job, ("log", {"message": said}), carrier=carrier)
    if run.folder is not None and said == _MOVED:
        shutil.rmtree(run.folder, ignore_errors=True)
    return out


def _moved(run: Run, out: Path) -> bool:
    """Whether the last carrier's folder is within reach, nobody works in it, and all of it is here now."""
    earlier = Path(run.folder or "")
    if run.folder is None or not is_home(earlier.parent.parent, run.home) or not _holds_a_run(earlier):
        return False
    stop_trainer(earlier, grace_seconds=_GRACE_SECONDS)
    with _unused(earlier) as unused:
        if unused:
            copy = out.with_name(f".{out.name}.moved")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(earlier, copy, copy_function=_linked)
            copy.rename(out)
    return unused


def _holds_a_run(folder: Path) -> bool:
    """A run that goes on, or one that was closed and not kept yet."""
    return (folder / WORK).is_dir() or (folder / MANIFEST).is_file()


def _finished(job_id: str) -> bool:
    """Whether the earlier run was kept whole, and is here now."""
    try:
        Ground.storage.of(Ground.store.project_of(job_id)).artifact(job_id)
    except TuneGateError as error:
        if error.code not in {"storage_missing", "storage_corrupt"}:
            raise
        return False
    return True


@contextmanager
def _unused(folder: Path) -> Iterator[bool]:
    """Whether no trainer holds the folder, and none can while the block runs (trainers.lock)."""
    try:
        descriptor = os.open(folder / WORK / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except FileNotFoundError:  # it was closed
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _linked(source: str, target: str) -> None:
    """No second copy of weights; what is written to in place is copied."""
    if not source.endswith(".safetensors"):
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copyfile(source, target)


def _remove(out: Path) -> None:
    """What this data folder holds of a try before the last one."""
    stop_trainer(out, grace_seconds=0)
    shutil.rmtree(out, ignore_errors=True)
