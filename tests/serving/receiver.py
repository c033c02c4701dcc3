"""A receiver of webhooks: a real server on loopback that answers as it is told and remembers what it got."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook

GUARD_SECONDS = 120


class Got(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """What it says, by the verifier that others use."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Answers 204 until told otherwise; `answers` are for the next requests, in order."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[Got] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        # in place of the list, where the answer depends on what came
        self.decide: Callable[[Got], int] | None = None
        # cleared: requests are held without an answer
        self.open = threading.Event()
        self.open.set()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.path, headers, body)
                ours.got.append(got)
                status, more = ours.answers.pop(0) if ours.answers else (204, {})
                status = ours.decide(got) if ours.decide else status
                ours.open.wait(GUARD_SECONDS)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **more}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """Whoever was killed while it sent is no error of ours."""

        self._server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def until(self, count: int) -> list[Got]:
        """The first so many requests, once they are there."""
        until(lambda: len(self.got) >= count)
        return self.got[:count]

    def stop(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


def until(happened: Callable[[], Any]) -> Any:
    """What happened, once it has."""
    deadline = time.monotonic() + GUARD_SECONDS
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
