"""Slots of monitors that come when a test wants them."""

from __future__ import annotations

import time
from typing import Any

import httpx
import sqlalchemy as sa

from service.clock import later

GUARD_SECONDS = 180


def due(database: str, monitor: str) -> None:
    """As if its slot had come: in the database, since no test waits for an hour."""
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        changed = sa.text("UPDATE monitors SET next_at = :slot WHERE id = :id")
        assert connection.execute(changed, {"slot": later(-1), "id": monitor}).rowcount == 1
    engine.dispose()


def runs(http: httpx.Client, monitor: str) -> list[dict[str, Any]]:
    """The oldest first."""
    found: list[dict[str, Any]] = http.get(f"/v1/monitors/{monitor}/runs").json()["items"]
    return found


def ended(http: httpx.Client, monitor: str, count: int) -> dict[str, Any]:
    """The last of so many runs once it has ended, with its records."""
    end = time.monotonic() + GUARD_SECONDS
    while not (len(found := runs(http, monitor)) == count and found[-1]["state"] in {"succeeded", "failed"}):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    shown: dict[str, Any] = http.get(f"/v1/monitors/{monitor}/runs/{found[-1]['id']}").json()
    return shown
