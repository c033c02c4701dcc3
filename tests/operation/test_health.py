"""/health/live says that the process turns; /health/ready says that work can be done, or what keeps it from that."""

from __future__ import annotations

import select
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest


def unready(service: Any) -> list[Any]:
    """What is named as not ready; the process is alive all the same."""
    answer = service.http.get("/health/ready")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert answer.headers["retry-after"] == "5"
    body = answer.json()
    assert (body["code"], body["request_id"]) == ("not_ready", answer.headers["x-request-id"])
    assert service.http.get("/health/live").json() == {"status": "live"}
    assert all(one["remedy"] and one["seen"] for one in body["errors"])
    return [one["where"] for one in body["errors"]]


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path taken away, and put back."""
    kept = path.with_name(path.name + ".aside")
    path.rename(kept)
    try:
        yield kept
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        kept.rename(path)


def test_a_database_that_another_process_locks_is_named(service: Any) -> None:
    service.ready()
    with closing(sqlite3.connect(service.home / "tunegate.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert unready(service) == ["database"]
        other.execute("ROLLBACK")
    service.ready()


def test_who_needs_no_key_gets_no_thread_for_each_request(service: Any) -> None:
    service.ready()
    process = psutil.Process(service.process.pid)
    asking = b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ExitStack() as open_:
        other = open_.enter_context(closing(sqlite3.connect(service.home / "tunegate.sqlite", isolation_level=None)))
        clients = [open_.enter_context(socket.create_connection(service.address, timeout=60)) for _ in range(40)]
        other.execute("BEGIN IMMEDIATE")
        most = before = process.num_threads()
        for client in clients:
            client.sendall(asking)
        while not select.select(clients, [], [], 0.01)[0]:
            most = max(most, process.num_threads())
        other.execute("ROLLBACK")
        assert {client.recv(100)[:12] for client in clients} <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    assert most - before < 20
    service.ready()


def test_tables_of_another_version_are_named(service: Any) -> None:
    with closing(sqlite3.connect(service.home / "tunegate.sqlite", isolation_level=None)) as other:
        (now,) = other.execute("SELECT version_num FROM alembic_version").fetchone()
        other.execute("UPDATE alembic_version SET version_num = '0001'")
        answer = service.http.get("/health/ready").json()["errors"]
        assert [(one["where"], one["seen"], one["allowed"]) for one in answer] == [("migrations", "0001", now)]
        other.execute("UPDATE alembic_version SET version_num = ?", (now,))
    service.ready()


def test_a_data_folder_that_cannot_be_written_is_named_beside_the_rest(service: Any) -> None:
    uploads = service.home / "uploads"
    with aside(uploads):
        uploads.write_bytes(b"a file where a folder should be")
        assert unready(service) == ["data folder"]
        with closing(sqlite3.connect(service.home / "tunegate.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert unready(service) == ["database", "data folder"]
            other.execute("ROLLBACK")
    service.ready()
    assert not list(uploads.iterdir())


def test_a_storage_folder_that_cannot_be_written_is_named(service: Any) -> None:
    storage = service.home / "storage"
    service.ready()
    with aside(storage):
        storage.write_bytes(b"a file where a folder should be")
        assert unready(service) == ["storage"]
    service.ready()


def test_a_privacy_scan_that_is_not_prepared_is_named_where_that_is_asked(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    # regions that nobody knows: it will never be prepared
    broken = tmp_path / "broken.toml"
    broken.write_text('[privacy]\nregions = ["XX"]\n')
    settings = {"TUNEGATE_PRIVACY_SETTINGS": str(broken), "TUNEGATE_READY_NEEDS_PRIVACY": "1"}
    running = serve(tmp_path / "data", TUNEGATE_LOG_FORMAT="text", **settings)
    running.until(lambda: unready(running) == ["privacy scan"])
    running.http.get("/v1/jobs")
    log = running.until(lambda: [line for line in running.log.read_text().splitlines() if "/v1/jobs" in line])
    assert "request request_id=" in log[0]
    assert " method=GET route=/v1/jobs status=200 " in log[0]


def test_a_database_that_is_gone_or_another_one_is_named(serve: Callable[..., Any], tmp_path: Path) -> None:
    running = serve(tmp_path / "data", TUNEGATE_READY_NEEDS_PRIVACY="1")
    running.ready()
    database = running.home / "tunegate.sqlite"
    kept = database.rename(tmp_path / "kept.sqlite")
    assert unready(running) == ["database"]
    assert not database.exists()
    # a good one, but not that which the service writes to
    shutil.copy(kept, database)
    assert unready(running) == ["database"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_what_watchers_ask_for_is_not_logged(service: Any, path: str) -> None:
    answer = service.http.get(path)
    service.line_of(service.http.get("/v1/jobs"))
    assert answer.headers["x-request-id"] not in service.log.read_text()
