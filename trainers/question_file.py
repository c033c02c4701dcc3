"""A question in a file, its answer in another: what the helper processes of an estimate have in common."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from trainers.outfiles import write_atomically
from trainers.problems import TrainerError, from_exception

Q = TypeVar("Q", bound=msgspec.Struct)

_LOOK_SECONDS, _LATE_SECONDS = 0.5, 30.0


def answer_file(argv: list[str], kind: type[Q], answered: Callable[[Q], msgspec.Struct], *, what: str) -> int:
    """Answer the question in the first file; 0 and the answer in the second, or 1 and a failure in its place."""
    _end_with(int(os.environ.pop("TUNEGATE_PARENT_PID", "0")), float(os.environ.get("TUNEGATE_ANSWER_SECONDS", "0")))
    question = msgspec.json.decode(Path(argv[0]).read_bytes(), type=kind)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    place = Path(argv[1])
    try:
        answer = msgspec.json.encode(answered(question))
    except TrainerError as error:
        write_atomically(place, msgspec.json.encode(error.failure))
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a library says becomes a named failure
        write_atomically(place, msgspec.json.encode(from_exception(error, what).failure))
        return 1
    write_atomically(place, answer)
    return 0


def _end_with(parent: int, seconds: float) -> None:
    """End when the asking process is gone, and long after the time is up: its own watch may be killed with it.

    A thread looks, since the kernel's signal would follow the thread that started us, which a service ends early.
    """
    if not parent:
        return
    until = time.monotonic() + seconds + _LATE_SECONDS

    def watch() -> None:
        while os.getppid() == parent and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        if os.getppid() != parent:
            shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)  # nobody else is left to do it
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
