"""A real service process whose log is read line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgres_programs import FOUND

GUARD_SECONDS = 120
collect_ignore = [] if FOUND else ["test_postgres.py"]


class Service:
    """One `tunegate serve` over a data folder; it looks for no personal data, which takes seconds to prepare."""

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.log = home / "service.log"
        quick = home / "quick.toml"
        quick.write_text('[privacy]\nmode = "off"\n')
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TUNEGATE_", "OTEL_"))}
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "serve", "--port", "0", *flags],
                env=environment | {"TUNEGATE_HOME": str(home), "TUNEGATE_PRIVACY_SETTINGS": str(quick)} | settings,
                stdout=subprocess.PIPE, stderr=sink, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = line[line.index("http://") :].strip()
        self.http = httpx.Client(base_url=self.url, timeout=GUARD_SECONDS, trust_env=False)

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

    def stop(self) -> int:
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
