"""Takes work from DBOS's queues: at once when this process queued something, else at long intervals.

DBOS looks at each queue from a thread of its own, at an interval that is both the longest wait of a job and the cost
of an idle service. Those threads are DBOS's own here; what they wait for can be rung.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from dbos import DBOS
from dbos._queue import Queue, queue_worker_thread

_LOG = logging.getLogger("tunegate.jobs")
# after a ring that came before what it is about
_OFTEN_SECONDS = 0.2
_AGAIN_SECONDS = 1.0
_JOIN_SECONDS = 10.0


class Bell:
    """Rung by whoever queued something in this process."""

    def __init__(self) -> None:
        self.rung = 0
        self.often_until = 0.0
        self.changed = threading.Condition()

    def ring(self, *, often_seconds: float = 0.0) -> None:
        """Look at the queues now, and often for so many seconds: what is rung for may take effect a moment later."""
        with self.changed:
            self.rung += 1
            self.often_until = max(self.often_until, time.monotonic() + often_seconds)
            self.changed.notify_all()


# workflows end without an object of ours at hand
BELL = Bell()


class Polled(NamedTuple):
    """A queue, how many of its workflows this process carries out at once, and how often it is looked at unasked."""

    name: str
    at_once: int
    seconds: float


class Queues:
    """The threads that take work from this process's queues, from `open` to `close`."""

    def __init__(self, bell: Bell = BELL) -> None:
        self._bell = bell
        self._threads: list[tuple[_Heard, threading.Thread]] = []

    async def open(self, dbos: DBOS, polled: Iterable[Polled]) -> None:
        """Register the queues and look at each at once. DBOS must be launched, and listen to no queue by itself."""
        for one in polled:
            # counted per process: a dead executor's row must never block the queue
            queue = await DBOS.register_queue_async(
                one.name, worker_concurrency=one.at_once, polling_interval_sec=one.seconds
            )
            heard = _Heard(self._bell)
            # whether it lives is asked by its name (service.verbs.operation)
            name = f"queue-worker-{one.name}"
            thread = threading.Thread(target=_take, args=(heard, dbos, queue), name=name, daemon=True)
            self._threads.append((heard, thread))
            thread.start()

    def close(self) -> None:
        """Take nothing more; a look that is under way is waited for."""
        for heard, _ in self._threads:
            heard.set()
        self._bell.ring()
        for _, thread in self._threads:
            thread.join(_JOIN_SECONDS)
        self._threads.clear()


def _take(heard: _Heard, dbos: DBOS, queue: Queue) -> None:
    while not heard.is_set():
        try:
            queue_worker_thread(heard, dbos, queue)
        except Exception as error:  # noqa: BLE001 - nobody else would take what is queued
            _LOG.error("Taking from the queue %r broke (%s); it is begun again.", queue.name, type(error).__name__)
        heard.wait(_AGAIN_SECONDS)


class _Heard(threading.Event):
    """What one of DBOS's threads waits for: set to end it, and its waits are over with each ring it has not heard."""

    def __init__(self, bell: Bell) -> None:
        super().__init__()
        self._bell = bell
        # so that the first wait is none
        self._heard = bell.rung - 1

    def wait(self, timeout: float | None = None) -> bool:
        begun = time.monotonic()
        bell = self._bell
        with bell.changed:
            if begun < bell.often_until:
                timeout = min(_OFTEN_SECONDS, timeout or _OFTEN_SECONDS)
            bell.changed.wait_for(lambda: self.is_set() or self._heard != bell.rung, timeout)
            self._heard = bell.rung
        return self.is_set()
