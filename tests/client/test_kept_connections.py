"""Connections that a service hangs up on between two requests, and as the next one arrives."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from service.client import Client
from service.client.retrying import Retries
from service.errors import TuneGateError

_JOB = b'{"id": "j1", "plan": "p", "state": "queued"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_JOB), _JOB)
_RESET = struct.pack("ii", 1, 0)
How = Literal["idle", "closed", "reset"]


class Hangs:
    """Answers one request of each connection and keeps it; then it closes it while nobody asks, or as the next request
    is there, with FIN or RST. The last connection answers for ever.
    """

    def __init__(self, how: How, connections: int = 2) -> None:
        self._how, self._connections = how, connections
        self.seen: list[bytes] = []
        self.hung_up = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for left in range(self._connections - 1, -1, -1):
            with self._listener.accept()[0] as connection:
                self._answer(connection)
                if not left:
                    while self._answer(connection):
                        pass
                elif self._how != "idle":
                    self._request(connection)
                    if self._how == "reset":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.hung_up.set()

    def _answer(self, connection: socket.socket) -> bool:
        if not self._request(connection):
            return False
        connection.sendall(_ANSWER)
        return True

    def _request(self, connection: socket.socket) -> bool:
        """Whether one came; it is noted once it is whole."""
        read = b""
        while b"\r\n\r\n" not in read or not _whole(read):
            piece = connection.recv(65536)
            if not piece:
                return False
            read += piece
        self.seen.append(read.split(b" HTTP/1.1", 1)[0])
        return True

    def stop(self) -> None:
        self._thread.join(60)
        self._listener.close()
        assert not self._thread.is_alive()


def _whole(read: bytes) -> bool:
    head, _, body = read.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:])
    return len(body) >= int(fields.get(b"content-length", b"0"))


@pytest.fixture
def hanging() -> Iterator[Callable[[How], tuple[Hangs, Client]]]:
    made: list[tuple[Hangs, Client]] = []

    def start(how: How) -> tuple[Hangs, Client]:
        server = Hangs(how)
        made.append((server, Client(server.url, retries=Retries(tries=2, first=0.001))))
        made[-1][1].job("j1")
        return made[-1]

    yield start
    for server, client in made:
        client.connection.close()
        server.stop()


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_what_may_be_repeated_is_sent_on_a_new_connection(
    hanging: Callable[[How], tuple[Hangs, Client]], how: How
) -> None:
    server, client = hanging(how)
    assert client.job("j1").plan == "p"
    assert server.seen == [b"GET /v1/jobs/j1"] * 3
    server, client = hanging(how)
    assert client.launch("p").id == "j1"
    assert server.seen[1:] == [b"POST /v1/jobs"] * 2


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_what_might_happen_twice_is_not(hanging: Callable[[How], tuple[Hangs, Client]], how: How) -> None:
    server, client = hanging(how)
    with pytest.raises(TuneGateError) as raised:
        client.cancel_job("j1")
    assert raised.value.code == "service_unreachable"
    assert client.job("j1").plan == "p"
    assert [one.split()[0] for one in server.seen] == [b"GET", b"POST", b"GET"]


def test_one_that_was_closed_while_nobody_asked_is_noticed_before_anything_is_sent(
    hanging: Callable[[How], tuple[Hangs, Client]],
) -> None:
    server, client = hanging("idle")
    assert server.hung_up.wait(60)
    assert client.cancel_job("j1").id == "j1"
    assert [one.split()[0] for one in server.seen] == [b"GET", b"POST"]
