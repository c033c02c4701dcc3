"""A real service for benchmarks: `tunegate serve`, its CPU and memory, requests by hand, and a large file of rows."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil
from lint_speed import corpus

BASE_MB = 4
_QUERY = "target=trl&privacy=off"
_USER = b'"role": "user", "content": "'


def write_rows(path: Path, megabytes: float) -> int:
    """A file of unique chats, at least so many MB; returns its bytes."""
    rows = corpus(BASE_MB)
    written = 0
    with path.open("wb") as file:
        for part in range(1 + int(megabytes * 1e6 / len(rows))):
            written += file.write(rows.replace(_USER, _USER + b"%d: " % part))
    return written


class Service:
    """`tunegate serve` over a folder; it is stopped with `stop`."""

    def __init__(self, home: Path, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
        environment |= {"TUNEGATE_HOME": str(home), "TUNEGATE_PRIVACY": "off"} | settings
        (home / "privacy.toml").write_text('[privacy]\nmode = "off"\n')
        environment["TUNEGATE_PRIVACY_SETTINGS"] = str(home / "privacy.toml")
        with (home / "log").open("ab") as log:
            command = [sys.executable, "-m", "service", "serve", "--port", "0"]
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        # also where a benchmark breaks off
        atexit.register(self.process.terminate)
        assert self.process.stdout is not None
        found = re.search(r"http://[^:]+:(\d+)", self.process.stdout.readline())
        assert found is not None, (home / "log").read_text()
        self.port = int(found[1])

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600, blocksize=1 << 16)

    def lint(self, body: Path | bytes) -> tuple[int, bytes]:
        """Status and answer of a lint over a connection of its own."""
        return lint(self.connection(), body)

    def sending(self, path: Path) -> subprocess.Popen[str]:
        """A process that has a file linted and prints the status."""
        command = [sys.executable, str(Path(__file__)), str(self.port), str(path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def cpu(self, without: int | None = None) -> float:
        """CPU seconds of the service and all that it started, those that have ended included, but for a trainer."""
        return _cpu({*self._processes()} - _tree(without))

    def memory(self, without: int) -> float:
        """MB that the service and all that it started hold alone (unique set size), but for a trainer."""
        total = 0
        for process in {*self._processes()} - _tree(without):
            try:
                total += process.memory_full_info().uss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def _processes(self) -> list[psutil.Process]:
        return list(_tree(self.process.pid))


def cpu_of(root: psutil.Process) -> float:
    """CPU seconds of a process and all that it started."""
    return _cpu(_tree(root.pid))


def _cpu(processes: set[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _tree(pid: int | None) -> set[psutil.Process]:
    if pid is None:
        return set()
    root = psutil.Process(pid)
    return {root, *root.children(recursive=True)}


def lint(connection: http.client.HTTPConnection, body: Path | bytes) -> tuple[int, bytes]:
    """Status and answer of a lint."""
    if isinstance(body, bytes):
        connection.request("POST", f"/v1/lint?{_QUERY}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    with body.open("rb") as file:
        connection.request("POST", f"/v1/lint?{_QUERY}", file, {"Content-Length": str(body.stat().st_size)})
        answer = connection.getresponse()
        return answer.status, answer.read()


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    """A record."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return body


def store(connection: http.client.HTTPConnection, rows: bytes, target: str = "trl") -> str:
    """The id of a stored dataset."""
    connection.request("POST", f"/v1/datasets?target={target}&privacy=off", rows)
    return str(json.loads(connection.getresponse().read())["id"])


def at(share: float, values: Sequence[float]) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def timed(kept: list[float]) -> Iterator[None]:
    """Appends the seconds that the block took."""
    begun = time.perf_counter()
    yield
    kept.append(time.perf_counter() - begun)


def conditions() -> str:
    """Date, versions and how busy the machine is."""
    used = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "litestar", "msgspec", "dbos", "sqlalchemy"))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return (
        f"{day}; Python {platform.python_version()}, {used}; {os.cpu_count()} CPUs, {platform.machine()}, shared with "
        f"other work (load {load}): ratios only"
    )


if __name__ == "__main__":
    sender = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=600, blocksize=1 << 16)
    print(lint(sender, Path(sys.argv[2]))[0])
