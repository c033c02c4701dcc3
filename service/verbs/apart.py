"""apart: what the processes that carry out evaluations and syntheses for the service have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from service.errors import TuneGateError
from service.evaluate.asker import Progress
from service.files import write_atomically

T = TypeVar("T")
_TELL_SECONDS, _WAIT_SECONDS = 0.5, 1.0


def telling(path: Path, told_as: Callable[[Progress], msgspec.Struct]) -> Callable[[Progress], None]:
    """Keeps how far it is in a file, now and then and at the end."""
    told = 0.0

    def tell(at: Progress) -> None:
        nonlocal told
        if at.done < at.total and time.monotonic() - told < _TELL_SECONDS:
            return
        told = time.monotonic()
        write_atomically(path, msgspec.json.encode(told_as(at)))

    return tell


def once_unlocked(work: Callable[[], T]) -> T:
    """What `work` gives, once no other process holds its folder: a service that was killed between starting a process
    and noting it starts another, and the first one finishes the answers.
    """
    while True:
        try:
            return work()
        except TuneGateError as error:
            if error.code != "run_locked":
                raise
        time.sleep(_WAIT_SECONDS)
