"""A real service process, with a small limit."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Served

LIMIT = 300 * 2**20


class Server(Served):
    """A service with its log; `limit` is the most bytes of a body."""

    limit = LIMIT

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
        connection.sendall(f"POST {head}\r\nHost: localhost\r\n".encode() + b"".join(parts))
        return connection

    def refused(self, answer: httpx.Response, status: int, code: str) -> Any:
        """The problem that an answer must be."""
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        body = answer.json()
        assert (body["status"], body["code"]) == (status, code)
        assert body["remedy"]
        return body


class Scanning(Server):
    """One that looks for personal data as it is shipped."""

    scans = True


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Scanning(tmp_path_factory.mktemp("home"), TUNEGATE_MAX_BODY_BYTES=str(LIMIT))
    # what it prepares in the background costs time and memory, which tests look at
    running.until(lambda: "The privacy scan is ready" in running.log.read_text(), seconds=300)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Server]:
    """Starts another one; the test stops it."""
    return Server
