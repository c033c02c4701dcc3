"""Receivers, and stores over SQLite and, where its programs are, Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres_server import FOUND, Postgres, postgres_server
from receiver import Receiver

from service.store.database import migrate, open_engine
from service.store.store import Store
from tests.access.conftest import serve

__all__ = ["serve"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | None]:
    if not FOUND:
        yield None
        return
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"] if FOUND else ["sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres | None) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'tunegate.sqlite'}"
    if request.param == "postgres":
        assert postgres is not None
        name = f"hooks{uuid.uuid4().hex}"
        postgres.create(name)
        url = postgres.address(name, "+psycopg")
    made = open_engine(url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> Store:
    return Store(engine)
