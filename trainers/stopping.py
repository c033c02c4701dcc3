"""How a worker takes SIGTERM and SIGINT: it ends at once, except where there is something to save first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = 75  # exit code of a worker that ended because it was asked to (EX_TEMPFAIL)


class StopSignal:
    """Called, it says whether a stop was asked for.

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
