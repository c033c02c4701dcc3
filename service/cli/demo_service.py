"""Starts the real service for the demo and leaves nothing running, however the demo ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.client.connection import Connection
from service.errors import TuneGateError

_PR_SET_PDEATHSIG = 1  # Linux prctl(2)
_STOP_SECONDS = 40.0


@contextmanager
def running_service(home: Path) -> Iterator[Connection]:
    """The service on a free loopback port with everything embedded under `home`; stopped with its jobs on exit.

    Raises:
        TuneGateError: `environment` when it does not come up (its log is named).
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "service.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service", "serve", "--port", "0", "--stop-jobs"],
            env=environment | {"TUNEGATE_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop the service in order
            preexec_fn=_stop_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
        try:
            client = Connection(_url(process, log))
            try:
                yield client
            except TuneGateError as error:
                if error.code == "service_unreachable" and _ended(process):
                    raise TuneGateError(
                        "job_failed", "The service died.", remedy=f"See {log}; run it again."
                    ) from error
                raise
            finally:
                client.close()
        finally:
            _stop(process, home)


def _ended(process: subprocess.Popen[str]) -> bool:
    """Whether the process is gone; its connections break a moment before it can be waited for."""
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop_with_parent() -> None:
    """A killed demo must not leave its service: ask the kernel for SIGTERM when the parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _url(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return line[line.index("http://") :].strip()
    words = log.read_text(errors="replace").strip().splitlines()
    raise TuneGateError(
        "environment", f"The service did not start: {words[-1] if words else 'no message'}", remedy=f"See {log}."
    )


def _stop(process: subprocess.Popen[str], home: Path) -> None:
    from service.verbs.runs import stop_trainers

    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # a service that was killed could not stop its trainer: it is detached by design
    stop_trainers(home / "runs")
