"""One trainer per run folder."""

from __future__ import annotations

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

    Raises:
        RunLocked: when another process holds it.
    """
    path = out / WORK / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


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
