"""How a trainer's processes end: when they are asked to, and with the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG = 1  # Linux prctl(2)
STOPPED = 75  # exit code of a worker that ended because it was asked to (EX_TEMPFAIL)


class StopSignal:
    """Called, it says whether SIGTERM or SIGINT was seen.

    Everything a worker writes is complete or absent, so ending between two lines of code loses
    nothing but time; a running optimizer is worth a checkpoint, and is `gentle` about it.
    """

    def __init__(self) -> None:
        self._seen = False
        self._gentle = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        return self._seen

    @contextmanager
    def gentle(self) -> Iterator[None]:
        """While the block runs a signal is only noted; the block ends itself when it sees it."""
        self._gentle = True
        try:
            yield
        finally:
            self._gentle = False

    def _take(self, number: int, frame: object) -> None:
        del number, frame
        self._seen = True
        if not self._gentle:
            os._exit(STOPPED)


def ended_how(code: int) -> str:
    """A process's exit code in words."""
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def follow_parent(parent: int, number: signal.Signals) -> None:
    """Ask the kernel for this signal when the parent dies, however it dies (Linux; 0 = no parent to follow)."""
    if sys.platform != "linux" or not parent:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the call above
        os.kill(os.getpid(), number)
