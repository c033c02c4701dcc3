"""Reads a large plain file in stretches by several processes; the merged result is that of one process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from service.lint.packing import BUFFER_BYTES, open_file
from service.lint.partial import Partial
from service.lint.reader import Reader
from service.lint.stretch import Checks, Stretch

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


def read_in_pool(found: list[Piece], checks: Checks, workers: int, meanwhile: Callable[[], None]) -> Iterator[Partial]:
    """The partial of every piece, in order; `meanwhile` is done while the workers begin.

    Raises:
        concurrent.futures.process.BrokenProcessPool: a worker was killed.
    """
    # costs 50 ms, so only where a pool is used
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # a forked worker has the rules and the gate at hand; elsewhere each loads its own
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() and os.name == "posix" else "spawn"
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(checks, os.getpid()))
    try:
        partials = pool.map(read_piece, found)
        meanwhile()
        yield from partials
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_state: dict[str, Any] = {}


def read_piece(piece: Piece) -> Partial:
    """The work of one worker."""
    return lint_piece(piece, _state["checks"])


def lint_piece(piece: Piece, checks: Checks) -> Partial:
    """Lint one piece in this process."""
    with open_file(piece.path, piece.shown_as) as stream:
        stream.seek(piece.start)
        reader = Reader(stream, start=piece.start, end=piece.end, hashed=False)
        return Stretch(checks, last=piece.last).read(reader)


def _begin(checks: Checks, parent: int) -> None:
    """The parent handles Ctrl-C for all; a worker whose parent was killed ends itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _state["checks"] = checks
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(1)


def _line_end(stream: Any, place: int, size: int) -> int:
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
