"""Worker processes: large bodies are worked on outside the service's process, whose interpreter answers the others.

A worker is started when one is needed, does one piece of work at a time, and is kept for the next: what a privacy scan
needs takes seconds to load. It ends when it was idle for long, when it has grown large, and with the service, however
that ends. Nothing of a body is in its command line or in what it logs.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.observe.logs import place_of, set_up_logs
from service.settings import load_settings
from service.verbs.redacting.settings import spare_models

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")
# does the work; is given the service's rules and the event that says that nobody waits for it any more
Work = Callable[..., T]
_IDLE_SECONDS = 600.0
# a worker that has held more is not kept
_KEPT_BYTES = 512 << 20
_POLL_SECONDS = 0.1
# how long work may take to notice that it is to end
_END_SECONDS = 5.0


class _Done(NamedTuple):
    value: Any
    kept: bool


class _Refused(NamedTuple):
    """A TuneGateError on its way, which cannot be pickled as it is."""

    code: str
    detail: str
    remedy: str
    errors: tuple[ErrorItem, ...]


class _Failed(NamedTuple):
    kind: str
    place: str


# what a worker says before it begins
_BEGUN = "begun"


class WorkFailedError(Exception):
    """An error that nobody expected, by its type and place."""


class Workers:
    """As many as there is work at once; how many that is, its callers see to."""

    def __init__(self, rules: RuleFiles, log_format: str) -> None:
        self._rules, self._log_format = rules, log_format
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False

    def run(self, work: Work[T], *given: Any, stop: threading.Event) -> T:
        """What `work(*given, rules, stop)` returns in a worker; it and what it is given must be picklable.

        The calling thread waits. Once `stop` is set the work is told so, and its worker killed if it does not end.

        Raises:
            TuneGateError: what the work raises; `interrupted` for work that was killed after `stop`, `worker_lost` for
                a worker that somebody else killed.
            WorkFailedError: anything else that it raises.
        """
        worker = self._sent((work, given))
        while (answer := worker.answer(stop)) is None and worker.ended_idle() and not stop.is_set():
            worker.end()
            worker = self._sent((work, given))
        if (isinstance(answer, _Done) and answer.kept) or isinstance(answer, _Refused):
            self._keep(worker)
        else:
            worker.end()
        if isinstance(answer, _Done):
            return cast("T", answer.value)
        if isinstance(answer, _Refused):
            raise TuneGateError(answer.code, answer.detail, remedy=answer.remedy, errors=answer.errors)
        if isinstance(answer, _Failed):
            raise WorkFailedError(f"{answer.kind} at {answer.place}")
        if stop.is_set():
            raise TuneGateError("interrupted", "The work was ended.")
        raise TuneGateError(
            "worker_lost",
            "The process that worked on the body was killed, most likely because memory ran out.",
            remedy="Send it again; if it is killed again, split the file or give the service more memory.",
        )

    def close(self) -> None:
        """End those that are idle; those that work end with their work, and are not kept."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _sent(self, task: tuple[Work[Any], tuple[Any, ...]]) -> _Worker:
        """A worker that has the task: one that is idle, unless it ended meanwhile, or a new one."""
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                worker = _Worker(self._rules, self._log_format)
                worker.send(task)
                return worker
            if worker.alive() and worker.send(task):
                return worker
            worker.end()

    def _keep(self, worker: _Worker) -> None:
        with self._lock:
            kept = not self._closed
            if kept:
                worker.rest()
                self._idle.append(worker)
        if not kept:
            worker.end()


class _Worker:
    """One process, seen from the service."""

    def __init__(self, rules: RuleFiles, log_format: str) -> None:
        # costs 50 ms, so only where a worker is needed
        import multiprocessing

        # never forked: the service has threads, and what they hold would be held for ever
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_work, args=(theirs, log_format), name="worker", daemon=True
        )
        self._process.start()
        self._rested = self._begun = False
        theirs.close()
        # not among its arguments: start() would wait for ever for a process that was killed before it read them
        self.send(rules)

    def alive(self) -> bool:
        return self._process.is_alive()

    def ended_idle(self) -> bool:
        """Whether it died before it began what it was sent, as one does that had rested long enough."""
        return self._rested and not self._begun

    def rest(self) -> None:
        """It has nothing to do."""
        self._rested, self._begun = True, False

    def send(self, task: object) -> bool:
        """Whether it could be sent."""
        try:
            self._pipe.send(task)
        except OSError:
            return False
        return True

    def answer(self, stop: threading.Event) -> _Done | _Refused | _Failed | None:
        """What the worker says of its task; None where it was killed."""
        try:
            while not (self._begun and self._pipe.poll(_POLL_SECONDS)):
                if not self._begun and self._pipe.poll(_POLL_SECONDS):
                    self._begun = self._pipe.recv() == _BEGUN
                elif stop.is_set():
                    self.send(None)
                    return self._last() if self._pipe.poll(_END_SECONDS) else None
            return self._last()
        except (EOFError, OSError):
            return None

    def _last(self) -> _Done | _Refused | _Failed:
        answer = self._pipe.recv()
        return cast("_Done | _Refused | _Failed", self._pipe.recv() if answer == _BEGUN else answer)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _work(pipe: Connection, log_format: str) -> None:
    """Do what comes, until nothing has come for long or the service is gone. The service handles Ctrl-C for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the end of the service ends the process through its pipe
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    set_up_logs(log_format)
    with suppress(TuneGateError):  # told to whoever asks for a scan
        spare_models(load_settings())
    rules = _rules(pipe)
    tasks: SimpleQueue[tuple[Work[Any], tuple[Any, ...], threading.Event]] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    while True:
        try:
            work, given, stop = tasks.get(timeout=_IDLE_SECONDS)
        except Empty:
            return
        pipe.send(_BEGUN)
        answer = _answered(work, (*given, rules, stop))
        pipe.send(answer)
        if isinstance(answer, _Done) and not answer.kept:
            return


def _rules(pipe: Connection) -> RuleFiles:
    try:
        return cast("RuleFiles", pipe.recv())
    except (EOFError, OSError):
        os._exit(1)


def _receive(pipe: Connection, tasks: SimpleQueue[tuple[Work[Any], tuple[Any, ...], threading.Event]]) -> None:
    stop = threading.Event()
    with suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            if task is None:
                stop.set()
            else:
                stop = threading.Event()
                tasks.put((*task, stop))
    os._exit(1)


def _answered(work: Work[Any], given: tuple[Any, ...]) -> _Done | _Refused | _Failed:
    try:
        value = work(*given)
    except TuneGateError as error:
        return _Refused(error.code, error.detail, error.remedy, error.errors)
    except Exception as error:  # noqa: BLE001 - its text may quote a body
        return _Failed(type(error).__name__, place_of(error))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _Done(value, kept=most <= _KEPT_BYTES)
