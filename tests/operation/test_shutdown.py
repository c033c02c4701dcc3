"""How a service ends: requests in flight may finish, streams and uploads end cleanly, and its job's trainer goes on."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from service.records.job import Job, Moment

ROW = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'


def waiting_job(service: Any) -> str:
    """A job that nobody will carry out."""
    identifier = "00000000-0000-4000-8000-000000000000"
    job = Job(id=identifier, plan="0" * 64, state="queued", timeline=[Moment("queued", "2026-01-01T00:00:00.000Z")])
    with closing(sqlite3.connect(service.home / "tunegate.sqlite", isolation_level=None, timeout=60)) as database:
        body = msgspec.json.encode(job).decode()
        database.execute("INSERT INTO jobs (id, number, body) VALUES (?, 1, ?)", (identifier, body))
        event = (identifier, 1, "state", "2026-01-01T00:00:00.000Z", '{"state":"queued"}')
        database.execute("INSERT INTO job_events (job_id, n, event, at, data) VALUES (?, ?, ?, ?, ?)", event)
    return identifier


def begun(service: Any, *, length: int) -> socket.socket:
    """A connection on which an upload has begun and waits in the service."""
    connection = socket.create_connection(service.address, timeout=120)
    head = f"POST /v1/lint?target=local HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + ROW)
    service.until(lambda: list((service.home / "uploads").glob(".upload-*")))
    return connection


def answered(connection: socket.socket) -> tuple[int, Any]:
    """(status, body) of the answer; the connection is closed after it or kept."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:])
    while len(body) < int(fields[b"content-length"]):
        body += connection.recv(65536)
    return int(head.split()[1]), json.loads(body)


def test_requests_in_flight_finish_and_new_ones_are_refused(serve: Callable[..., Any], tmp_path: Path) -> None:
    running = serve(tmp_path / "data", TUNEGATE_SHUTDOWN_SECONDS="600")
    running.ready()
    job = waiting_job(running)
    streams = ThreadPoolExecutor(1)
    stream = streams.submit(running.http.get, f"/v1/jobs/{job}/events")
    following = 'tunegate_requests_in_progress{app_name="tunegate",method="GET",path="/v1/jobs/{identifier}/events"'
    running.until(lambda: following in running.http.get("/metrics").text)
    with begun(running, length=len(ROW) * 2) as upload:
        running.process.send_signal(signal.SIGTERM)
        refused = running.until(
            lambda: (answer := running.http.get("/health/ready")).status_code == 503 and answer
        ).json()
        assert refused["code"] == "stopping"
        assert running.http.get("/health/live").status_code == 200
        new = running.http.get("/v1/jobs")
        assert (new.status_code, new.json()["code"], new.headers["retry-after"]) == (503, "stopping", "5")
        assert new.json()["request_id"] == new.headers["x-request-id"]
        # it ends as a whole answer, before the upload does
        assert 'data: {"state":"queued"}' in stream.result(120).text
        upload.sendall(ROW)
        status, report = answered(upload)
        assert (status, report["files"][0]["rows"]) == (200, 2)
        # connections that are kept and that nobody asks on do not hold it up: this one, and those of running.http
        assert (upload.recv(1), running.process.wait(120)) == (b"", 0)
    said = running.log.read_text()
    assert ("Traceback" in said, "shutdown exceeded" in said) == (False, False)


def test_an_upload_that_does_not_end_in_time_is_told_and_leaves_nothing(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    running = serve(tmp_path / "data", TUNEGATE_SHUTDOWN_SECONDS="1")
    with begun(running, length=10_000_000) as upload:
        running.process.send_signal(signal.SIGTERM)
        status, problem = answered(upload)
        assert (status, problem["code"]) == (503, "stopping")
        assert upload.recv(1) == b""
    assert running.process.wait(120) == 0
    assert not list((running.home / "uploads").iterdir())
    (line,) = [one for one in running.requests() if one["route"] == "/v1/lint"]
    assert (line["status"], line["request_id"]) == (503, problem["request_id"])
    assert any("1 request(s) had not ended in time" in one["message"] for one in running.lines())


def test_a_second_signal_ends_it_at_once(serve: Callable[..., Any], tmp_path: Path) -> None:
    running = serve(tmp_path / "data", TUNEGATE_SHUTDOWN_SECONDS="600")
    with begun(running, length=10_000_000):
        running.process.send_signal(signal.SIGTERM)
        running.until(lambda: running.http.get("/health/ready").status_code == 503)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(120) == -signal.SIGTERM
