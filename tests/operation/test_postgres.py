"""The service over Postgres: backed up and restored by the documented commands, and not ready once it is away.

Collected where the server's programs are (conftest.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from backing_up import Load, carried_out, datasets_of, every_dataset_has_its_bytes, everything_is_there
from postgres_server import PROGRAMS, Postgres, postgres_server


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        for name in ("first", "second"):
            running.create(name)
        yield running


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
