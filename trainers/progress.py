"""Appends numbered progress records; numbering goes on after a restart, so a reader never misses one."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from trainers.contract import Progress


class ProgressWriter:
    """One line per record in OUT/progress.jsonl, flushed as it is written."""

    def __init__(self, out: Path) -> None:
        self._path = out / "progress.jsonl"
        self._n = _repair(self._path)
        self._phase: str | None = None

    def phase(self, name: str) -> None:
        """Enter a phase of the pipeline."""
        self._phase = name
        self._append(Progress(n=self._n + 1, event="phase", at=_now(), phase=name))

    def step(self, *, step: int, total: int, loss: float, learning_rate: float | None, epoch: float | None) -> None:
        """One optimizer step."""
        self._append(
            Progress(
                n=self._n + 1,
                event="step",
                at=_now(),
                phase=self._phase,
                step=step,
                total=total,
                loss=loss if math.isfinite(loss) else None,
                learning_rate=learning_rate,
                epoch=epoch,
            )
        )

    def log(self, message: str) -> None:
        """A message of counts and names, never of text."""
        self._append(Progress(n=self._n + 1, event="log", at=_now(), phase=self._phase, message=message))

    def end(self, message: str) -> None:
        """The last record of a run."""
        self._append(Progress(n=self._n + 1, event="end", at=_now(), message=message))

    def _append(self, record: Progress) -> None:
        with self._path.open("ab") as handle:
            handle.write(msgspec.json.encode(record) + b"\n")
        self._n = record.n


class Silent(ProgressWriter):
    """What a process says whose records another one of its group writes: nothing."""

    def __init__(self, out: Path) -> None:
        self._path, self._n, self._phase = out / "progress.jsonl", 0, None

    def _append(self, record: Progress) -> None:
        del record


def _repair(path: Path) -> int:
    """The number of complete records; a line cut off by a kill is removed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    complete = content[: content.rfind(b"\n") + 1]
    if complete != content:
        path.write_bytes(complete)
    return complete.count(b"\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
