"""The service over Postgres: backed up and restored by the documented commands, and not ready once it is away.

Collected where the server's programs are (conftest.py).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from backing_up import Load, carried_out, datasets_of, every_dataset_has_its_bytes, everything_is_there
from postgres_programs import PROGRAMS


class Postgres:
    """A server of its own in a temporary folder; root may not run one, so another user does."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tunegate-postgres-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres"}
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", self.folder / "data", "-U", "tunegate", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run(
            "pg_ctl", "-D", self.folder / "data", "-w", "-t", "120", "-l", self.folder / "log", "-o", options, "start"
        )
        for name in ("first", "second"):
            self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tunegate", name)

    def address(self, name: str, driver: str = "") -> str:
        return f"postgresql{driver}://tunegate@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "-t", "120", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        # what it starts must not hold a pipe of ours open
        with (self.folder.parent / f"{self.folder.name}.out").open("ab") as sink:
            command = [str(PROGRAMS / program), *map(str, arguments)]
            subprocess.run(command, cwd=self.folder, check=True, stdout=sink, stderr=sink, **self._as)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    running = Postgres()
    yield running
    running.stop()
    shutil.rmtree(running.folder)
    (running.folder.parent / f"{running.folder.name}.out").unlink()


def test_backed_up_restored_and_not_ready_once_it_is_away(
    serve: Callable[..., Any], postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = serve(tmp_path / "first", TUNEGATE_DATABASE_URL=postgres.address("first", "+psycopg"))
    first.ready()
    load = Load(first.url)
    try:
        first.until(lambda: len(load.stored) >= 6)
        before = list(load.stored)
        monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")
        carried_out(
            "backup-postgres", HOME_FOLDER=first.home, BACKUP=tmp_path / "backup", DATABASE=postgres.address("first")
        )
    finally:
        load.stop()
    assert first.stop() == 0
    carried_out(
        "restore-postgres", BACKUP=tmp_path / "backup", NEW_HOME=tmp_path / "second",
        NEW_DATABASE=postgres.address("second"),
    )  # fmt: skip
    second = serve(tmp_path / "second", TUNEGATE_DATABASE_URL=postgres.address("second", "+psycopg"))
    second.ready()
    everything_is_there(second, before)
    assert every_dataset_has_its_bytes(second.home, datasets_of(second, load)) >= len(before) // 2
    assert 'tunegate_jobs{state="queued"} 0.0' in second.http.get("/metrics").text
    postgres.stop()
    away = second.http.get("/health/ready")
    assert (away.status_code, [one["where"] for one in away.json()["errors"]]) == (503, ["database"])
    assert second.http.get("/health/live").status_code == 200
    metrics = second.http.get("/metrics")
    assert (metrics.status_code, "tunegate_database_up 0.0" in metrics.text) == (200, True)
    assert "tunegate_database_errors_total{" in metrics.text
