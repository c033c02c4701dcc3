"""Azure on this machine: a CONNECT proxy in front of one TLS server that plays every host, by Host header.

Nothing leaves loopback: the proxy takes CONNECT alone and leads every host to that server.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from certificates import make_certificates


class Asked(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}

    @classmethod
    def of(cls, content: Any, status: int = 200, **headers: str) -> Answer:
        return cls(status, json.dumps(content).encode(), {"Content-Type": "application/json"} | headers)

    @classmethod
    def problem(cls, status: int, code: str, message: str = "said by the loopback Azure", **headers: str) -> Answer:
        return cls.of({"error": {"code": code, "message": message}}, status, **headers)


class Fault(msgspec.Struct):
    """What goes wrong with the next `times` requests whose "METHOD host/path" the pattern finds.

    "cut" ends the connection before the request is heard, "lost" after it was carried out; a number is a status.
    """

    pattern: str
    how: Literal["cut", "lost"] | int
    times: int = 1
    headers: dict[str, str] = {}
    met: int = 0


class Loopback:
    """Proxy and server; `hosts` answer, by the end of their names."""

    def __init__(self, folder: Path, hosts: dict[str, Any]) -> None:
        self.hosts, self.faults, self.requests, self.unhandled = hosts, [], [], []
        self.connected: set[str] = set()
        self._lock = threading.Lock()
        # set when answers that are held go; whoever asked may be gone by then
        self.let_go = threading.Event()
        self.authority, certificate = make_certificates(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        class Handler(_Handler):
            azure = self

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._proxy = socket.create_server(("127.0.0.1", 0))
        for run in (self._server.serve_forever, self._accept):
            threading.Thread(target=run, daemon=True).start()

    # parts of paths that are asked for by what goes on from another test of this process
    strangers: tuple[str, ...] = ()
    faults: list[Fault]
    requests: list[Asked]
    unhandled: list[str]

    @property
    def environment(self) -> dict[str, str]:
        """What leads the real clients here: variables alone."""
        proxy = f"http://127.0.0.1:{self._proxy.getsockname()[1]}"
        return {
            "HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": "",
            "REQUESTS_CA_BUNDLE": str(self.authority), "SSL_CERT_FILE": str(self.authority),
            "AZURE_TENANT_ID": "99999999-8888-7777-6666-555555555555", "AZURE_CLIENT_ID": "tester",
            "AZURE_CLIENT_SECRET": SECRET,
        }  # fmt: skip

    def fail(
        self, pattern: str, how: Literal["cut", "lost", "held", "held before"] | int, times: int = 1, **headers: str
    ) -> Fault:
        fault = Fault(pattern, how, times, {name.replace("_", "-"): value for name, value in headers.items()})
        self.faults.append(fault)
        return fault

    def close(self) -> None:
        self._proxy.close()
        self._server.shutdown()
        self._server.server_close()

    def fault_of(self, line: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.met < fault.times and re.search(fault.pattern, line):
                    fault.met += 1
                    return fault
        return None

    def answer(self, asked: Asked) -> Answer:
        self.requests.append(asked)
        for ending, host in self.hosts.items():
            if asked.host.endswith(ending):
                try:
                    found: Answer | None = host(asked)
                except Exception as error:  # noqa: BLE001 - the test says what was wrong with it
                    self.unhandled.append(f"{asked.method} {asked.path}: {error!r}")
                    return Answer.problem(500, "Broken")
                if found is not None:
                    return found
        if not any(one in asked.path for one in self.strangers):
            self.unhandled.append(f"{asked.method} {asked.host}{asked.path} {asked.query}")
        return Answer.problem(404, "Unhandled")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._proxy.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096) or b"\r\n\r\n"
        method, _, rest = head.decode().partition(" ")
        if method != "CONNECT":
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        self.connected.add(rest.split(":")[0])
        server = socket.create_connection(("127.0.0.1", self._server.server_address[1]))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)


SECRET = "QkVHSU4-tester-secret-of-the-loopback"
_HELD_SECONDS = 300


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave as they like."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    azure: ClassVar[Loopback]

    def _any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command, self.headers["Host"].split(":")[0], unquote(parts.path),
            {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in self.headers.items()}, body,
        )  # fmt: skip
        fault = self.azure.fault_of(f"{asked.method} {asked.host}{asked.path}?{parts.query}")
        if fault is not None and fault.how == "held before":
            self.azure.let_go.wait(_HELD_SECONDS)
        if fault is not None and fault.how in {"cut", "held before"}:
            self._hang_up()
            return
        if fault is not None and isinstance(fault.how, int):
            answer = Answer.problem(fault.how, "Injected", **fault.headers)
        else:
            answer = self.azure.answer(asked)
        if fault is not None and fault.how == "held":
            self.azure.let_go.wait(_HELD_SECONDS)
        if fault is not None and fault.how in {"lost", "held"}:
            self._hang_up()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = _any  # noqa: N815 - the library's names

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
