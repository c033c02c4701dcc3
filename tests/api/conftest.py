"""A real service process, with a small limit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

LIMIT = 300 * 2**20


class Server:
    """One `tunegate serve` over a data folder, with its log; `limit` is the most bytes of a body."""

    limit = LIMIT

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.log = home / "service.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "serve", "--port", "0"],
                env=environment | {"TUNEGATE_HOME": str(home)} | settings,
                stdout=subprocess.PIPE, stderr=sink, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = line[line.index("http://") :].strip()
        self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    @property
    def waiting(self) -> list[Path]:
        """Bodies on their way, or left behind."""
        return list((self.home / "uploads").glob(".*"))

    def lint(self, content: Any, *, route: str = "lint", headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self.http.post(
            f"/v1/{route}", params={"target": "local", "privacy": "off"} | query, content=content, headers=headers
        )

    def until(self, happened: Any, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def dial(self, head: str, *parts: bytes) -> socket.socket:
        """A connection on which a request was begun by hand."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.sendall(f"POST {head}\r\nHost: x\r\n".encode() + b"".join(parts))
        return connection

    def refused(self, answer: httpx.Response, status: int, code: str) -> Any:
        """The problem that an answer must be."""
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        body = answer.json()
        assert (body["status"], body["code"]) == (status, code)
        assert body["remedy"]
        return body

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        assert self.process.wait(30) == 0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("home"), TUNEGATE_MAX_BODY_BYTES=str(LIMIT))
    # what it prepares in the background costs time and memory, which tests look at
    running.until(lambda: "The privacy scan is ready" in running.log.read_text(), seconds=300)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Server]:
    """Starts another one; the test stops it."""
    return Server
