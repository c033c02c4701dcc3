"""Appends numbered progress records; a run that was interrupted goes on in the same file, each step once."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from trainers.contract import Progress


class ProgressWriter:
    """One line per record in OUT/progress.jsonl, flushed as it is written."""

    def __init__(self, out: Path, *, read: bool = True) -> None:
        self._path = out / "progress.jsonl"
        earlier = _repaired(self._path) if read else []
        self._n = len(earlier)
        self._phase: str | None = None
        self._losses = {one.step: one.loss for one in earlier if one.event == "step" and one.step is not None}
        self._measured = {one.step for one in earlier if one.validation_loss is not None}
        self._differs = False

    @property
    def last_step(self) -> int:
        """The highest step that has a record, 0 before the first."""
        return max(self._losses, default=0)

    def phase(self, name: str) -> None:
        """Enter a phase of the pipeline."""
        self._phase = name
        self._append(Progress(n=self._n + 1, event="phase", at=_now(), phase=name))

    def step(self, *, step: int, total: int, loss: float, learning_rate: float | None, epoch: float | None) -> bool:
        """One optimizer step; False when it is repeated: it gets no second record, but must have the same loss."""
        shown = loss if math.isfinite(loss) else None
        if step in self._losses:
            self._compare(step, shown)
            return False
        self._losses[step] = shown
        self._append(
            Progress(
                n=self._n + 1,
                event="step",
                at=_now(),
                phase=self._phase,
                step=step,
                total=total,
                loss=shown,
                learning_rate=learning_rate,
                epoch=epoch,
            )
        )
        return True

    def validation(
        self, *, step: int, total: int, loss: float, message: str, measures: dict[str, float] | None = None
    ) -> None:
        """A measurement on the validation rows after a step, once per step."""
        if step in self._measured:
            return
        self._measured.add(step)
        self._append(
            Progress(
                n=self._n + 1,
                event="log",
                at=_now(),
                phase=self._phase,
                step=step,
                total=total,
                message=message,
                validation_loss=loss,
                measures=measures,
            )
        )

    def log(self, message: str) -> None:
        """A message of counts and names, never of text."""
        self._append(Progress(n=self._n + 1, event="log", at=_now(), phase=self._phase, message=message))

    def end(self, message: str) -> None:
        """The last record of one try at a run."""
        self._append(Progress(n=self._n + 1, event="end", at=_now(), message=message))

    def _compare(self, step: int, loss: float | None) -> None:
        """The CPU repeats a step to the last bit; some GPU kernels do not, and then the file must say so."""
        if loss == self._losses[step] or self._differs:
            return
        self._differs = True
        self.log(f"step {step} was repeated with another loss ({loss}): this device does not repeat its sums exactly")

    def _append(self, record: Progress) -> None:
        with self._path.open("ab") as handle:
            handle.write(msgspec.json.encode(record) + b"\n")
        self._n = record.n


class Silent(ProgressWriter):
    """What a process says whose records another one of its group writes: nothing."""

    def __init__(self, out: Path) -> None:
        super().__init__(out, read=False)

    def _append(self, record: Progress) -> None:
        self._n = record.n


def _repaired(path: Path) -> list[Progress]:
    """The complete records; what a kill or a power cut left behind them is removed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    records, whole = [], 0
    for line in content.splitlines(keepends=True):
        try:
            record = msgspec.json.decode(line, type=Progress)
        except (msgspec.DecodeError, UnicodeDecodeError):
            break
        if not line.endswith(b"\n"):
            break
        records.append(record)
        whole += len(line)
    if whole != len(content):
        path.write_bytes(content[:whole])
    return records


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
