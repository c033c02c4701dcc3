"""Runs `python -m trainers.simulation` with a limit of time and memory, and reads its answer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from trainers.contract import Failure, Simulation, SimulationQuestion

# a 70B model with DoRA is the slowest that was tried; a question beyond these is a mistake or an attack
SECONDS, BYTES = 300.0, 4 * 2**30
_NEEDED = ("torch", "transformers", "peft", "psutil")
_POLL_SECONDS = 0.05
# a service answers many at once; so many may simulate, and others wait so long for their turn
_AT_ONCE, _PATIENCE_SECONDS = 2, 30.0
_turns = threading.BoundedSemaphore(_AT_ONCE)
# what a child needs to find its libraries and its temporary files; no key or token is any of them
_HANDED_OVER = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV")


def run_simulation(question: SimulationQuestion, *, seconds: float = SECONDS, memory_bytes: int = BYTES) -> Simulation:
    """The answer to one question.

    Raises:
        TuneGateError: `missing_extra`; `busy` when others have the turns; what the simulation found
            (`unsupported_family`, `target_cannot`); `target_cannot` when it needs more time or memory than it may
            have; `trainer_died`.

    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise TuneGateError(
            "missing_extra", f"A simulation needs {', '.join(missing)}.", remedy="pip install 'tunegate[train]'"
        )
    with _turn(), tempfile.TemporaryDirectory(prefix="tunegate-simulation-") as folder:
        asked, answered = Path(folder) / "question.json", Path(folder) / "answer.json"
        asked.write_bytes(msgspec.json.encode(question))
        code = _watched([sys.executable, "-m", "trainers.simulation", str(asked), str(answered)], seconds, memory_bytes)
        if code == 0:
            return msgspec.json.decode(answered.read_bytes(), type=Simulation)
        if answered.is_file():
            failure = msgspec.json.decode(answered.read_bytes(), type=Failure)
            raise TuneGateError(failure.code, failure.detail, remedy=failure.remedy)
    raise TuneGateError(
        "trainer_died", f"The simulation ended without an answer (code {code}).", remedy="The formula tier has one."
    )


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=_PATIENCE_SECONDS):
        detail = f"{_AT_ONCE} simulations run, and none ended within {_PATIENCE_SECONDS:g} seconds."
        raise TuneGateError("busy", detail, remedy="Ask again later, or take the formula tier.")
    try:
        yield
    finally:
        _turns.release()


def _watched(command: list[str], seconds: float, memory_bytes: int) -> int:
    """The exit code of a process that is killed when it takes too long or too much."""
    import psutil

    environment = {name: os.environ[name] for name in _HANDED_OVER if name in os.environ}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment | {"TUNEGATE_SIMULATION_SECONDS": f"{seconds:g}", "TUNEGATE_PARENT_PID": str(os.getpid())},
    )
    began, watched = time.monotonic(), psutil.Process(process.pid)
    try:
        while (code := process.poll()) is None:
            try:
                used = watched.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            if used > memory_bytes:
                raise _over(f"{memory_bytes / 2**30:g} GiB of memory")
            if time.monotonic() - began > seconds:
                raise _over(f"{seconds:g} seconds")
            time.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return code


def _over(limit: str) -> TuneGateError:
    return TuneGateError(
        "target_cannot", f"The simulation needs more than {limit}.", remedy="Fewer layers, or the formula tier."
    )
