"""Checkpoints that can be trusted: complete or ignored, two kept, and never more than a few percent of the time."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from trainers.outfiles import WORK, sync_tree, write_atomically

MARK = "complete.json"
# of a run in a folder that is gone with its machine: nobody could go on from a checkpoint there
ONCE = {"TUNEGATE_RUN_ONCE": "1"}
KEPT = 2
# a save may cost 1/40 of the time since the last one (2.5 %); the goal for progress and checkpoints together is 3 %
COST_SHARE = 40
INTERVAL_SECONDS = 300.0
# until a save has been measured: bytes over the speed of a slow disk
_ASSUMED_BYTES_PER_SECOND = 200e6
_CHUNK_BYTES = 1 << 20


def resumable() -> bool:
    """Whether somebody may go on with this run."""
    return not ONCE.items() <= os.environ.items()


class MarkedFile(msgspec.Struct, frozen=True):
    """`path` is relative to the checkpoint."""

    path: str
    bytes: int
    sha256: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Written last: a checkpoint without it, or one that does not match it, does not exist."""

    plan: str
    step: int
    seconds: float
    best: int | None
    files: list[MarkedFile]


class Checkpoints:
    """The checkpoints of one run, in OUT/.work/checkpoints; weights that were best so far lie in OUT/.work/best."""

    def __init__(self, out: Path, plan_id: str, say: Callable[[str], None]) -> None:
        self.folder = out / WORK / "checkpoints"
        self.bests = out / WORK / "best"
        self._plan = plan_id
        self._say = say

    def path(self, step: int) -> Path:
        """Where the transformers Trainer writes the checkpoint of a step."""
        return self.folder / f"checkpoint-{step}"

    def best_path(self, step: int) -> Path:
        """Where the weights after a step wait, should they stay the best."""
        return self.bests / str(step)

    def seal(self, step: int, *, seconds: float, best: int | None) -> None:
        """Flush a written checkpoint to disk, mark it complete, and drop what it replaces."""
        place = self.path(step)
        sync_tree(place)
        files = [_marked(path, place) for path in sorted(place.rglob("*")) if path.is_file()]
        mark = Mark(plan=self._plan, step=step, seconds=round(seconds, 1), best=best, files=files)
        write_atomically(place / MARK, msgspec.json.encode(mark))
        for old in self._steps()[KEPT:]:
            shutil.rmtree(self.path(old))
        self._drop_bests()

    def keep_only_best(self, step: int) -> None:
        """Drop the other weights that were best: without checkpoints nobody goes back to them."""
        for place in self.bests.glob("*"):
            if place.name != str(step):
                shutil.rmtree(place)

    def newest(self) -> Mark | None:
        """The newest complete checkpoint; those that are not complete or not intact are removed, and said to be."""
        for step in self._steps():
            mark = self._read(step)
            if mark is not None:
                self._drop_bests()
                return mark
            self._say(f"the checkpoint of step {step} is not complete and is left out")
            shutil.rmtree(self.path(step))
        return None

    def forget(self) -> None:
        """Remove all of them: what was trained has been saved."""
        for place in (self.folder, self.bests):
            shutil.rmtree(place, ignore_errors=True)

    def forget_unsealed(self) -> None:
        """Remove the one whose writing failed, so that its space is free again."""
        for step in self._steps():
            if not (self.path(step) / MARK).is_file():
                shutil.rmtree(self.path(step), ignore_errors=True)

    def _steps(self) -> list[int]:
        numbers = (path.name.removeprefix("checkpoint-") for path in self.folder.glob("checkpoint-*"))
        return sorted((int(number) for number in numbers if number.isdigit()), reverse=True)

    def _read(self, step: int) -> Mark | None:
        place = self.path(step)
        try:
            mark = msgspec.json.decode((place / MARK).read_bytes(), type=Mark)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        if mark.plan != self._plan or (mark.best is not None and not self.best_path(mark.best).is_dir()):
            return None
        intact = all(_is_intact(place / file.path, file) for file in mark.files)
        return mark if intact else None

    def _drop_bests(self) -> None:
        """Keep the best weights that a kept checkpoint knows of, since a resumed run may need them."""
        marks = [mark for step in self._steps() if (mark := _decoded(self.path(step) / MARK))]
        known = {str(mark.best) for mark in marks}
        for place in self.bests.glob("*"):
            if place.name not in known:
                shutil.rmtree(place)


class Schedule:
    """Says when a checkpoint is due.

    With `every`, after so many steps. Without, at the end of an epoch or after five minutes,
    but never before 40 times the duration of the last save has passed.
    """

    def __init__(self, every: int | None, *, expected_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._cost_seconds = expected_bytes / _ASSUMED_BYTES_PER_SECOND
        self._last = self._begun = clock()

    def due(self, step: int, *, epoch_end: bool) -> bool:
        """Whether to save after this step."""
        if self._every is not None:
            return step % self._every == 0
        elapsed = self._clock() - self._last
        return elapsed >= COST_SHARE * self._cost_seconds and (epoch_end or elapsed >= INTERVAL_SECONDS)

    def begin(self) -> None:
        """A save starts now."""
        self._begun = self._clock()

    def saved(self) -> None:
        """It is complete: its duration bounds how soon the next one comes."""
        self._last = self._clock()
        self._cost_seconds = self._last - self._begun


def _marked(path: Path, place: Path) -> MarkedFile:
    return MarkedFile(path.relative_to(place).as_posix(), path.stat().st_size, _sha256(path))


def _is_intact(path: Path, file: MarkedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and _sha256(path) == file.sha256


def _decoded(path: Path) -> Mark | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
