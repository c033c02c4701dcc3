"""Reads a large plain file in stretches by several processes; the merged result is that of one process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar, cast

from service.lint.chosen import Checks
from service.lint.partial import Partial
from service.lint.reader import Reader
from service.lint.stretch import Stretch
from service.packing import BUFFER_BYTES, open_file

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

Read = TypeVar("Read")
STRETCH_BYTES = 16 << 20
# below this a pool costs more than it saves
_WORTH_BYTES = 64 << 20
_MOST_WORKERS = 4
_PARENT_SECONDS = 1.0


class Piece(NamedTuple):
    """A byte range of a file that begins with a line and ends after a line's end."""

    path: Path
    shown_as: str
    start: int
    end: int
    last: bool


def workers_for(size: int, asked: int) -> int:
    """How many processes read a file of `size` bytes; `asked` 0 leaves it to the size and the machine."""
    if asked or size < _WORTH_BYTES:
        return asked or 1
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, _MOST_WORKERS)


def pieces(path: Path, shown_as: str, size: int) -> list[Piece]:
    """The file cut at the first line end after each `STRETCH_BYTES`."""
    found, start = [], 0
    with open_file(path, shown_as) as stream:
        while start < size:
            end = _line_end(stream, start + STRETCH_BYTES, size)
            found.append(Piece(path, shown_as, start, end, end == size))
            start = end
    return found


class WorkerLostError(Exception):
    """A worker was killed, most likely for memory."""


def read_in_pool(
    found: list[Piece], read: Callable[[Piece], Read], workers: int, meanwhile: Callable[[], None]
) -> Iterator[Read]:
    """What `read` makes of every piece, in order; `meanwhile` is done while the workers begin.

    Each worker has a pipe of its own: a worker that is killed while it writes would keep the others of a shared one
    waiting for ever.

    Raises:
        WorkerLostError: a worker was killed.
    """
    # costs 50 ms, so only where workers are used
    import multiprocessing
    from multiprocessing.connection import wait

    # a forked worker has the rules and the gate at hand; elsewhere each loads its own
    context = cast("SpawnContext", multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn"))
    left = iter(enumerate(found))
    ready: dict[int, Read] = {}
    pipes: list[Connection] = []
    processes = []
    try:
        for first in islice(left, workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, read, os.getpid()), daemon=True)
            with _without_interrupts():
                process.start()
                # an interrupt that waited comes at the end of this block, and must find the process to kill
                processes.append(process)
            theirs.close()
            pipes.append(ours)
            ours.send(first)
        meanwhile()
        for wanted in range(len(found)):
            while wanted not in ready:
                for pipe in cast("list[Connection]", wait(pipes)):
                    number, made = pipe.recv()
                    ready[number] = made
                    task = next(left, None)
                    pipe.send(task)
                    if task is None:
                        # the worker ends, and what has ended is always ready
                        pipes.remove(pipe)
            yield ready.pop(wanted)
    except (EOFError, OSError) as error:
        raise WorkerLostError from error
    finally:
        for process in processes:
            process.kill()
            process.join()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits until a worker that is being started can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, read: Callable[[Piece], object], parent: int) -> None:
    """Read pieces as long as there are any. The parent handles Ctrl-C for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    while (task := pipe.recv()) is not None:
        number, piece = task
        pipe.send((number, read(piece)))


def _follow(parent: int) -> None:
    """A worker whose parent was killed ends itself."""
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(1)


def lint_piece(piece: Piece, checks: Checks) -> Partial:
    """Lint one piece in this process."""
    with reader_of(piece) as reader:
        return Stretch(checks, last=piece.last).read(reader)


@contextmanager
def reader_of(piece: Piece, *, gated: bool = True) -> Iterator[Reader]:
    """A reader of the piece alone; one that is not `gated` looks for nothing in the lines."""
    with open_file(piece.path, piece.shown_as) as stream:
        stream.seek(piece.start)
        yield Reader(stream, start=piece.start, end=piece.end, hashed=False, gated=gated)


def _line_end(stream: BinaryIO, place: int, size: int) -> int:
    """The place after the first line end at or after `place` - 1."""
    if place >= size:
        return size
    stream.seek(place - 1)
    at = place - 1
    while block := stream.read(BUFFER_BYTES):
        found = block.find(b"\n")
        if found >= 0:
            return min(at + int(found) + 1, size)
        at += len(block)
    return size
