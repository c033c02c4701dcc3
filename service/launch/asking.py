"""Asks a helper process of the trainers a question, within limits of time and memory, and reads its answer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from service.errors import TuneGateError
from trainers.contract import Failure

A = TypeVar("A", bound=msgspec.Struct)

_NEEDED = ("torch", "transformers", "peft", "psutil")
_POLL_SECONDS, _PATIENCE_SECONDS = 0.05, 30.0
# what a child needs to find its libraries and its temporary files; no key or token is any of them
_HANDED_OVER = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV")


class Helper(msgspec.Struct, frozen=True):
    """What runs (`python -m module`), what people call it, and what to do when it cannot answer.

    `turns` lets so many run at once; `environment` names what the child is given beside the usual.
    """

    module: str
    what: str
    otherwise: str
    turns: threading.BoundedSemaphore
    environment: tuple[str, ...] = ()


def asked(
    helper: Helper,
    question: msgspec.Struct,
    kind: type[A],
    *,
    seconds: float,
    memory_bytes: int,
    also: Mapping[str, str] | None = None,
) -> A:
    """The answer to one question.

    Raises:
        TuneGateError: `missing_extra`; `busy` when others have the turns; what the helper itself found;
            `target_cannot` when it needs more time or memory than it may have; `trainer_died`.

    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise TuneGateError(
            "missing_extra", f"A {helper.what} needs {', '.join(missing)}.", remedy="pip install 'tunegate[train]'"
        )
    with _turn(helper), tempfile.TemporaryDirectory(prefix=f"tunegate-{helper.what}-") as folder:
        given, answered = Path(folder) / "question.json", Path(folder) / "answer.json"
        given.write_bytes(msgspec.json.encode(question))
        command = [sys.executable, "-P", "-m", helper.module, str(given), str(answered)]
        code = _watched(helper, command, seconds, memory_bytes, also or {})
        if code == 0:
            return msgspec.json.decode(answered.read_bytes(), type=kind)
        if answered.is_file():
            failure = msgspec.json.decode(answered.read_bytes(), type=Failure)
            raise TuneGateError(failure.code, failure.detail, remedy=failure.remedy)
    raise TuneGateError(
        "trainer_died", f"The {helper.what} ended without an answer (code {code}).", remedy=helper.otherwise
    )


@contextmanager
def _turn(helper: Helper) -> Iterator[None]:
    if not helper.turns.acquire(timeout=_PATIENCE_SECONDS):
        detail = f"Others have every turn for a {helper.what}, and none ended within {_PATIENCE_SECONDS:g} seconds."
        raise TuneGateError("busy", detail, remedy="Ask again later, or take the formula tier.")
    try:
        yield
    finally:
        helper.turns.release()


def _watched(helper: Helper, command: list[str], seconds: float, memory_bytes: int, also: Mapping[str, str]) -> int:
    """The exit code of a process that is killed when it takes too long or too much, and when we are interrupted."""
    import psutil

    environment = {name: os.environ[name] for name in (*_HANDED_OVER, *helper.environment) if name in os.environ}
    environment |= {"TUNEGATE_ANSWER_SECONDS": f"{seconds:g}", "TUNEGATE_PARENT_PID": str(os.getpid()), **also}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    began, watched = time.monotonic(), psutil.Process(process.pid)
    try:
        while (code := process.poll()) is None:
            try:
                used = watched.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            if used > memory_bytes:
                raise _over(helper, f"{memory_bytes / 2**30:.3g} GiB of memory")
            if time.monotonic() - began > seconds:
                raise _over(helper, f"{seconds:g} seconds")
            time.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return code


def _over(helper: Helper, limit: str) -> TuneGateError:
    return TuneGateError("target_cannot", f"The {helper.what} needs more than {limit}.", remedy=helper.otherwise)
