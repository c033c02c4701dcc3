"""What is sent again and what is not, against servers that fail as they are told."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from service.client.retrying import Retries
from service.errors import TuneGateError

JOB = {"id": "j1", "plan": "p", "state": "queued"}
FILE = b"weights"
QUICK = Retries(tries=3, first=0.001)
BROKEN = (0, b"", {})


class Failing:
    """Gives one answer after the other; a status of 0 breaks the connection, half a body breaks off."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                ours.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                status, body, headers = ours.answers.pop(0)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the library calls them so

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def failing() -> Iterator[Failing]:
    server = Failing()
    yield server
    server.stop()


@pytest.fixture
def client(failing: Failing) -> Iterator[Client]:
    with Client(failing.url, "key", retries=QUICK) as client:
        yield client


def ok(body: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(body).encode(), {"Content-Type": "application/json"}


def problem(code: str, status: int, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps({"code": code, "detail": "d", "remedy": "r", "status": status}).encode(), headers


def test_what_only_reads_is_sent_again(failing: Failing, client: Client) -> None:
    failing.answers = [BROKEN, problem("busy", 503), ok(JOB)]
    assert client.job("j1").plan == "p"
    assert [path for _, path, _ in failing.seen] == ["/v1/jobs/j1"] * 3
    assert failing.seen[0][2]["authorization"] == "Bearer key"


def test_a_launch_is_sent_again_with_its_one_key(failing: Failing, client: Client) -> None:
    failing.answers = [BROKEN, problem("rate_limited", 429, **{"Retry-After": "0"}), ok(JOB)]
    client.launch("p")
    assert len({headers["idempotency-key"] for _, _, headers in failing.seen}) == 1
    failing.answers = [ok(JOB)]
    client.launch("p", idempotency_key="mine")
    assert failing.seen[-1][2]["idempotency-key"] == "mine"


def test_what_may_happen_twice_is_not_sent_again(failing: Failing, client: Client) -> None:
    failing.answers = [BROKEN, problem("busy", 503)]
    with pytest.raises(TuneGateError) as raised:
        client.create_webhook("https://a.example")
    assert raised.value.code == "service_unreachable"
    with pytest.raises(TuneGateError) as raised:
        client.delete_dataset("d")
    assert (raised.value.code, raised.value.remedy, len(failing.seen)) == ("busy", "r", 2)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([problem("unknown_id", 404)], "unknown_id"),
        ([problem("quota_exceeded", 429, **{"Retry-After": "1"})], "quota_exceeded"),
        ([problem("rate_limited", 429, **{"Retry-After": "3600"})], "rate_limited"),
        ([BROKEN] * 3, "service_unreachable"),
        ([problem("busy", 503)] * 3, "busy"),
        ([(502, b"<html>", {})], "environment"),
        ([ok({"id": "j1"})], "environment"),
    ],
)
def test_what_does_not_pass_is_told(failing: Failing, client: Client, answers: list[Any], code: str) -> None:
    failing.answers = list(answers)
    with pytest.raises(TuneGateError) as raised:
        client.job("j1")
    assert (raised.value.code, failing.answers) == (code, [])


def event(n: int, kind: str) -> bytes:
    return f'id: {n}\nevent: {kind}\ndata: {{"n": {n}}}\n\n'.encode()


def test_events_go_on_where_they_broke_off(failing: Failing, client: Client) -> None:
    stream = {"Content-Type": "text/event-stream"}
    cut = {**stream, "Content-Length": "5000"}
    failing.answers = [
        (200, event(1, "state") + b": still here\n\n" + event(2, "step"), cut),
        problem("stopping", 503),
        (200, event(3, "end"), stream),
    ]
    assert [one.id for one in client.job_events("j1")] == ["1", "2", "3"]
    assert [headers.get("last-event-id") for _, _, headers in failing.seen] == [None, "2", "2"]
    failing.answers = [(200, b"", stream)] * 3
    with pytest.raises(TuneGateError) as raised:
        list(client.job_events("j1"))
    assert (raised.value.code, failing.answers) == ("service_unreachable", [])


def manifest(path: str, content: bytes = FILE) -> tuple[int, bytes, dict[str, str]]:
    file = {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "kind": "adapter"}
    chain = {"decision": None, "lint_report": None, "estimate": None, "plan": "p", "job": "j1"}
    none = {"before": None, "after": None}
    return ok({"id": "m", "chain": chain, "files": [file], "onnx": [], "evaluation": none})


def test_a_file_that_breaks_off_is_taken_up_there(failing: Failing, client: Client, tmp_path: Path) -> None:
    tag = {"ETag": '"one"', "Content-Length": str(len(FILE))}
    rest = {"ETag": '"one"', "Content-Range": f"bytes 3-6/{len(FILE)}"}
    # more cuts than tries, each a little further; then one where the file has changed
    failing.answers = [
        (200, FILE[:3], tag), (206, FILE[3:4], rest | {"Content-Length": "4"}), BROKEN,
        (206, FILE[4:], rest | {"Content-Range": f"bytes 4-6/{len(FILE)}"}),
    ]  # fmt: skip
    client.fetch_zip("j1", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == FILE
    asked = [(headers.get("range"), headers.get("if-range")) for _, _, headers in failing.seen]
    assert asked == [(None, None), ("bytes=3-", '"one"'), ("bytes=4-", '"one"'), ("bytes=4-", '"one"')]
    failing.answers = [(200, FILE[:3], tag), (200, b"changed", {"ETag": '"two"'})]
    client.fetch_zip("j1", tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == b"changed"
    failing.answers = [(200, FILE[:3], tag), (206, FILE[2:], rest | {"Content-Range": "bytes 2-6/7"})]
    with pytest.raises(TuneGateError) as raised:
        client.fetch_zip("j1", tmp_path / "c.zip")
    assert (raised.value.code, sorted(path.name for path in tmp_path.iterdir())) == ("environment", ["a.zip", "b.zip"])


def test_a_file_without_a_tag_is_fetched_anew_and_a_wrong_one_is_none(
    failing: Failing, client: Client, tmp_path: Path
) -> None:
    cut = (200, FILE[:3], {"Content-Length": str(len(FILE))})
    failing.answers = [manifest("adapter/a.bin"), cut, (200, FILE, {}), ok({})]
    client.fetch_artifact("j1", tmp_path)
    assert (tmp_path / "adapter" / "a.bin").read_bytes() == FILE
    failing.answers = [manifest("b.bin"), (200, b"changed", {})]
    with pytest.raises(TuneGateError) as raised:
        client.fetch_artifact("j1", tmp_path)
    assert raised.value.code == "artifact_corrupt"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.bin", "adapter", "manifest.json"]


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", ""])
def test_a_manifest_cannot_lead_out_of_the_folder(failing: Failing, client: Client, tmp_path: Path, path: str) -> None:
    failing.answers = [manifest(path)]
    with pytest.raises(TuneGateError) as raised:
        client.fetch_artifact("j1", tmp_path)
    assert (raised.value.code, list(tmp_path.iterdir())) == ("artifact_corrupt", [])


def test_it_needs_no_library_of_the_service() -> None:
    program = "import sys, service.client; print(sorted({one.split('.')[0] for one in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    for library in ("litestar", "sqlalchemy", "dbos", "torch", "numpy"):
        assert f"'{library}'" not in done.stdout
