"""How a run ended, in OUT/result.json: also on a disk that is full by then, for its space is taken beforehand."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from trainers.contract import FailedRank, Failure, Result
from trainers.outfiles import WORK, write_atomically
from trainers.problems import from_exception
from trainers.progress import ProgressWriter
from trainers.sharding.ranks import machine, rank, world_size

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


def failed_rank_path(out: Path) -> Path:
    """Where this process keeps how it failed among several."""
    return out / WORK / f"failed-rank-{rank()}.json"


def leave_failed_rank(out: Path, failure: Failure) -> FailedRank:
    """Keep how this one of several processes failed, and say it where its launcher shows what it prints."""
    failed = FailedRank(rank=rank(), of=world_size(), machine=machine(), failure=failure)
    print(f"{failed} {failure.remedy}", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):  # a full disk: it has been said
        write_atomically(failed_rank_path(out), msgspec.json.encode(failed))
    return failed


def _write(path: Path, content: bytes, *, mode: str) -> None:
    with path.open(mode) as handle:
        handle.write(content)
        handle.truncate()
        handle.flush()
        os.fsync(handle.fileno())  # until then a file system may only have promised the space
