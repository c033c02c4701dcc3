"""A real service process whose log is read line by line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgres_server import FOUND
from served import Served

GUARD_SECONDS = 120
collect_ignore = [] if FOUND else ["test_postgres.py"]


class Service(Served):
    """One `tunegate serve` over a data folder."""

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        home.mkdir(exist_ok=True)
        super().__init__(home, *flags, **settings)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def lines(self) -> list[Any]:
        """What was logged, one object per line; every line must be one."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def requests(self) -> list[Any]:
        return [line for line in self.lines() if line["message"] == "request"]

    def line_of(self, answer: httpx.Response) -> Any:
        """The line of an answer; it is written when the last of the answer has gone."""
        name = answer.headers["x-request-id"]
        (line,) = self.until(lambda: [one for one in self.requests() if one["request_id"] == name])
        return line

    def until(self, happened: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + GUARD_SECONDS
        while not (found := happened()):
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return found

    def ready(self) -> None:
        """Returns once the service is; at its start the queues are polled a moment later."""
        self.until(lambda: self.http.get("/health/ready").status_code == 200)
        assert self.http.get("/health/ready").json() == {"status": "ready"}

    def stop(self) -> int:  # type: ignore[override]
        """The exit code, also of one that has ended already."""
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(GUARD_SECONDS)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("home") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Starts others, which end with the test."""
    started: list[Service] = []

    def start(home: Path, *flags: str, **settings: str) -> Service:
        started.append(Service(home, *flags, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.stop()
