"""One trainer per run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainers.outfiles import WORK


class RunLocked(Exception):  # noqa: N818
    """Another live process holds the run folder."""


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Hold OUT/.work/lock while the block runs; the kernel releases it when the process dies.

    The file says whose it is: whoever started us may have been killed before it could note that.

    Raises:
        RunLocked: when another process holds it.
    """
    path = out / WORK / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor)
        os.truncate(descriptor, 0)
        os.write(descriptor, json.dumps({"pid": os.getpid(), "start_time": _start_time()}).encode())
        yield
    finally:
        os.close(descriptor)


def _start_time() -> int:
    """When this process started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 where there is no /proc."""
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return 0
    return int(stat.rsplit(")", 1)[1].split()[19])


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise RunLocked from error
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunLocked from error
