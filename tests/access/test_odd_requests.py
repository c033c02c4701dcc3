"""Hosts and request targets that no browser writes, by hand on sockets: never an internal error."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from served import Served

from service.settings import load_settings
from service.verbs.keys import create_key, key_store

_ROW = b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}\n'
_SARIF = "Accept: application/sarif+json"
_FAR = "far.quokkas.org"
NO_HOSTS = [
    "localhost:80:80", "localhost:port", "localhost:65536", "localhost:" + "9" * 30, "user@localhost", "u:p@localhost",
    f"localhost@{_FAR}", "[::1", "::1]", "::1", "[", "[]", "[localhost]", "[v1.x]", "[1::2::3]", "[fe80::1%25eth0]",
    "localhost/", "localhost?x", "localhost#x", "http://localhost", "local host", f"localhost, {_FAR}", "b\u00fccher",
    "localhost\\", "<b>",
]  # fmt: skip
HOSTS = ["localhost", "LOCALHOST:80", "localhost:", "[::1]", "[::1]:8484", "[0:0:0:0:0:0:0:1]", "127.0.0.1:0"]
FAR_HOSTS = ["", ":80", _FAR, f"{_FAR}:443", "[2001:db8::7]:80", "under_score", "-", "a" * 300]
TARGETS = {
    "http://localhost/v1/jobs": 200, f"http://{_FAR}/v1/jobs": 200, "http://u:p@[::1]:9/v1/jobs": 200,
    "http://localhost": 400, "http://": 400, "http://[::1/v1/jobs": 400, "http://localhost:port/v1/jobs": 400,
    "*": 404, "v1/jobs": 400, "localhost:80": 400, "/v1/jobs#part": 200, "/v1/jobs?%zz": 200, "/v1/jobs?limit=%ff": 400,
    "//v1/jobs": 200, f"//{_FAR}/v1/jobs": 404, "/v1/../v1/jobs": 404, "/v1/jobs%00": 404, "/%ff%fe": 404,
    "/v1/jobs?" + "a" * 100_000: 400,
}  # fmt: skip
ODD_HEADERS = [
    "Content-Length: -1", "Content-Length: 1e3", "Content-Length: " + "9" * 30, "Transfer-Encoding: gzip",
    "Content-Length: 3\r\nTransfer-Encoding: chunked", "Cookie: \xff", "Accept: \xff;q=z", "Accept-Language: tl;q=zz",
    "Expect: 200-maybe", "X-Request-ID: \xff\xfe", "If-None-Match: \xff", "traceparent: zz", "Range: bytes=z-",
    "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    "Upgrade: h2c\r\nConnection: upgrade", "X-HTTP-Method-Override: DELETE", "Origin: http://[::1", "Origin: null",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    running = Served(home)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def report(service: Served) -> str:
    """A page that writes addresses of the service's own into its answer."""
    made = service.http.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=_ROW)
    return f"/v1/datasets/{made.json()['id']}/report"


@pytest.fixture(scope="module")
def key(service: Served, report: str) -> str:
    """From here on the service asks for one; its header."""
    del report
    with key_store(load_settings({"TUNEGATE_HOME": str(service.home)})) as store:
        made = create_key(store, "any", project="default", scopes=("read",), expires="90d")
    return f"X-API-Key: {made.secret}"


def asked(
    service: Served, *hosts: str, path: str = "/v1/jobs", head: str = "", method: str = "GET", version: str = "1.1"
) -> int:
    """The status of a request with these Host headers; what is refused beneath is no problem document, but the rest."""
    address, _, port = service.url.removeprefix("http://").rpartition(":")
    lines = [f"{method} {path} HTTP/{version}", *(f"Host: {host}" for host in hosts), *([head] if head else [])]
    with socket.create_connection((address, int(port)), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        heard = b""
        while piece := connection.recv(1 << 16):
            heard += piece
    status = int(heard.split(b" ", 2)[1])
    assert status < 500, (method, path[:60], hosts, head, heard[-300:])
    content = heard.partition(b"\r\n\r\n")[2]
    assert status != 200 or "/v1" not in path or b"cache-control: no-store" in heard
    if status >= 400 and b"problem+json" in heard:
        assert _FAR not in json.loads(content)["detail"]
    return status


def test_a_host_that_cannot_be_read_is_refused_by_an_open_service(service: Served, report: str) -> None:
    for path in ("/v1/jobs", report, "/health/live", "/schema", "/nowhere"):
        for host in NO_HOSTS:
            assert asked(service, host, path=path, head=_SARIF) == 400, (path, host)
        assert asked(service, path=path) == asked(service, "localhost", "localhost", path=path) == 400
    for host in HOSTS:
        assert asked(service, host, path=report, head=_SARIF) == 200, host
    for host in FAR_HOSTS:
        assert (asked(service, host), asked(service, host, path="/health/live")) == (403, 200), host
    assert asked(service, version="1.0") == 200


def test_a_host_that_cannot_be_read_is_refused_whoever_asks(service: Served, report: str, key: str) -> None:
    for host in NO_HOSTS:
        assert asked(service, host, path=report, head=f"{key}\r\n{_SARIF}") == 400, host
    for host in [*HOSTS, *FAR_HOSTS]:
        assert asked(service, host, path=report, head=f"{key}\r\n{_SARIF}") == 200, host


def test_no_target_and_no_header_is_an_internal_error(service: Served, report: str, key: str) -> None:
    for target, status in TARGETS.items():
        assert asked(service, "localhost", path=target, head=key) == status, target[:60]
        for method in ("OPTIONS", "CONNECT", "POST", "TRACE", "FOO"):
            asked(service, "localhost", path=target, head=key, method=method)
    for odd in ODD_HEADERS:
        for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/decisions"), ("GET", report), ("POST", "/mcp")):
            asked(service, "localhost", path=path, head=f"{key}\r\n{odd}", method=method)
    log = service.log.read_text()
    assert '"status":500' not in log
    assert "Traceback" not in log
