"""What the databases must do alike: two who launch at the same moment, values that one cannot hold, locks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres_server import FOUND, Postgres, postgres_server

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.evaluation_job import EvaluationJob
from service.store.database import migrate, open_engine
from service.store.store import Store

GUARD_SECONDS = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"] if FOUND else ["sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'tunegate.sqlite'}"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex}"
        server.create(name)
        url = server.address(name, "+psycopg")
    made = open_engine(url)
    migrate(made)
    yield made
    made.dispose()


class Held(list[Deed]):
    """Deeds that are noted once they may be: until then the transaction stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Deed]:
        self.reached.set()
        assert self.go_on.wait(GUARD_SECONDS)
        return super().__iter__()


def waits(engine: sa.Engine, done: Callable[[], bool]) -> None:
    """Returns once somebody waits for another's transaction; SQLite tells nobody, and is asked for no more."""
    deadline = time.monotonic() + GUARD_SECONDS
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while engine.dialect.name == "postgresql" and not done():
        with engine.connect() as connection:
            if connection.execute(waiting).scalar_one():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def queued(identifier: str) -> EvaluationJob:
    return EvaluationJob(id=identifier, request="0" * 64, state="queued", timeline=[])


def test_two_evaluations_at_once_are_two_of_two_projects(engine: sa.Engine) -> None:
    store, held = Store(engine), Held()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.of("alpha").evaluations.add, queued("alphas"), None, held)
        assert held.reached.wait(GUARD_SECONDS)
        second = pool.submit(store.of("beta").evaluations.add, queued("betas"), None)
        waits(engine, second.done)
        held.go_on.set()
        assert (first.result()[0].id, second.result()[0].id) == ("alphas", "betas")
    assert [(n, one.id) for n, one in store.evaluations.page(after=0, limit=9)] == [(1, "alphas"), (2, "betas")]


def test_one_key_used_twice_at_once_is_one_evaluation(engine: sa.Engine) -> None:
    store, held = Store(engine).of("alpha"), Held()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.evaluations.add, queued("first"), "again", held)
        assert held.reached.wait(GUARD_SECONDS)
        second = pool.submit(store.evaluations.add, queued("second"), "again")
        waits(engine, second.done)
        held.go_on.set()
        assert [(job.id, new) for job, new in (first.result(), second.result())] == [("first", True), ("first", False)]
    with pytest.raises(sa.exc.IntegrityError):
        store.evaluations.add(queued("first"), None)


def test_an_id_that_no_database_can_hold_is_the_callers_mistake(engine: sa.Engine) -> None:
    store = Store(engine).of("alpha")
    for look in (store.job, store.evaluations.get):
        with pytest.raises(TuneGateError) as raised:
            look("a\0b")
        assert raised.value.code in {"unknown_id", "invalid_input"}
        assert "\0" not in raised.value.detail + raised.value.remedy


def test_a_locked_table_is_told_in_time(engine: sa.Engine) -> None:
    store = Store(engine)
    assert store.health.unready() == []
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(store.health.unready)
            try:
                assert [one.where for one in told.result(GUARD_SECONDS)] == ["database"]
            finally:
                connection.rollback()
    assert store.health.unready() == []
