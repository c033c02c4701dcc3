"""How a run ended, in OUT/result.json: also on a disk that is full by then, for its space is taken beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trainers.contract import Result
from trainers.outfiles import WORK, write_atomically
from trainers.problems import from_exception
from trainers.progress import ProgressWriter

_RESERVED = Path(WORK) / "verdict.reserved"
_RESERVED_BYTES = 16 * 1024  # a failure's few sentences


def reserve(out: Path) -> None:
    """Take the space that a failure needs to be said."""
    path = out / _RESERVED
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, b" " * _RESERVED_BYTES, mode="wb")


def leave(out: Path, result: Result) -> Result:
    """Write how the run ended; what stands there then, which is a failure where there was no space for more.

    Raises:
        OSError: when nothing at all can be written.
    """
    try:
        ProgressWriter(out).end(result.status)
        write_atomically(out / "result.json", msgspec.json.encode(result))
    except OSError as error:
        if result.status == "succeeded":
            result = Result(status="failed", plan=result.plan, error=from_exception(error, "result").failure)
        _write(out / _RESERVED, msgspec.json.encode(result), mode="r+b")
        (out / _RESERVED).replace(out / "result.json")
    (out / _RESERVED).unlink(missing_ok=True)
    return result


def _write(path: Path, content: bytes, *, mode: str) -> None:
    with path.open(mode) as handle:
        handle.write(content)
        handle.truncate()
        handle.flush()
        os.fsync(handle.fileno())  # until then a file system may only have promised the space
