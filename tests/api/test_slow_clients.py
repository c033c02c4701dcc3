"""Clients that hold a connection by sending next to nothing: written by hand on sockets, against a real service."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Server

_SECONDS, _LEAST = 4, 10
_PAUSE = 0.5
# longer than clients keep connections that nobody asks on, and than a head may take
_IDLE = 6
_AGENTS = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
_JSON = "Content-Type: application/json\r\n"
# a body of each way in which the service reads one
SLOW = {
    "decisions": ("/v1/decisions", _JSON), "evaluations": ("/v1/evaluations", _JSON),
    "chat": ("/v1/jobs/none/chat/completions", _JSON), "webhooks": ("/v1/webhooks", _JSON),
    "lint": ("/v1/lint?target=local", ""), "datasets": ("/v1/datasets?target=local&privacy=off", ""),
    "redact": ("/v1/redact", ""), "agents": ("/mcp", _AGENTS),
}  # fmt: skip


@pytest.fixture(scope="module")
def patient(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It waits for as few seconds as a busy machine allows."""
    running = serve(
        tmp_path_factory.mktemp("home"), TUNEGATE_BODY_IDLE_SECONDS=str(_SECONDS),
        TUNEGATE_BODY_BYTES_PER_SECOND=str(_LEAST), TUNEGATE_HEAD_SECONDS=str(_SECONDS),
    )  # fmt: skip
    yield running
    running.stop()


def dripped(connection: socket.socket, pieces: Iterator[bytes]) -> float:
    """Seconds until the other side said something or hung up, a piece sent every half of one."""
    began = time.monotonic()
    for piece in pieces:
        if select.select([connection], [], [], _PAUSE)[0]:
            break
        connection.sendall(piece)
        assert time.monotonic() - began < 120, "nobody hung up"
    return time.monotonic() - began


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def told(connection: socket.socket) -> tuple[HTTPResponse, Any]:
    answer = HTTPResponse(connection)
    answer.begin()
    return answer, json.loads(answer.read())


def test_a_body_that_drips_is_given_up_on_every_kind_of_route(patient: Server) -> None:
    def drip(name: str) -> tuple[int, Any, str | None]:
        path, head = SLOW[name]
        with patient.dial(f"{path} HTTP/1.1", f"{head}Content-Length: 5000\r\n\r\n".encode()) as connection:
            dripped(connection, endless(b" "))
            answer, body = told(connection)
            return answer.status, body, answer.getheader("connection")

    with ThreadPoolExecutor(len(SLOW)) as pool:
        found = dict(zip(SLOW, pool.map(drip, SLOW), strict=True))
    for name, (status, body, connection) in found.items():
        assert (status, connection) == (408, "close"), (name, body)
        problem = body.get("error", body) if name == "chat" else body
        assert problem["code"] == "body_stalled", (name, body)
    assert str(_SECONDS * _LEAST) in found["decisions"][1]["remedy"]
    assert patient.waiting == []


def test_a_body_that_makes_progress_may_take_longer_than_that(patient: Server) -> None:
    row = b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}\n'
    pieces = [b"%x\r\n" % len(row) + row + b"\r\n"] * int(_SECONDS * 1.5 / _PAUSE)
    with patient.dial("/v1/lint?target=local&privacy=off HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n") as slow:
        assert dripped(slow, iter(pieces)) > _SECONDS
        slow.sendall(b"0\r\n\r\n")
        answer, body = told(slow)
    assert (answer.status, body["files"][0]["rows"]) == (200, len(pieces)), body


def test_a_head_that_does_not_end_is_hung_up_on(patient: Server) -> None:
    host, _, port = patient.url.removeprefix("http://").rpartition(":")
    first = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    # silent, within the request line, within the headers, and in the second request of a connection
    begun = [b"", b"GET /health/", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-", first + b"GET /he"]

    def drip(start: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(start)
            heard = b""
            if start.startswith(first):
                answer, _ = told(connection)
                assert answer.status == 200
            dripped(connection, endless(b"a" if start else b""))
            while piece := connection.recv(1000):
                heard += piece
            return heard

    with ThreadPoolExecutor(len(begun)) as pool:
        assert list(pool.map(drip, begun)) == [b""] * len(begun)


def test_a_connection_that_nobody_asked_on_for_a_while_is_not_hung_up_on(patient: Server) -> None:
    host, _, port = patient.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for silence in (_IDLE, 0):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer, _ = told(connection)
            assert (answer.status, answer.will_close) == (200, False)
            assert select.select([connection], [], [], silence)[0] == []


def test_a_body_that_breaks_off_is_the_clients_doing(patient: Server) -> None:
    before = patient.log.read_text().count('"status":499')
    with patient.dial("/v1/decisions HTTP/1.1", _JSON.encode() + b"Content-Length: 50\r\n\r\n", b'{"facts"'):
        pass
    patient.until(lambda: patient.log.read_text().count('"status":499') > before, seconds=60)
    assert '"status":500' not in patient.log.read_text()
    assert "Traceback" not in patient.log.read_text()
