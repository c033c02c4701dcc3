"""The step to projects, forward from the first tables with rows in them, on SQLite and on Postgres."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from postgres_server import FOUND, Postgres, postgres_server

from service.records.access import Deed
from service.records.evaluation_job import EvaluationJob
from service.records.job import Job
from service.store import database
from service.store.database import migrate, open_engine
from service.store.store import Store
from tests.access.conftest import new_job

ID = "d" * 64


class Kept(msgspec.Struct, frozen=True):
    text: str


KEPT = Kept("as it was")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"] if FOUND else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tunegate.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    server.create(name)
    return server.address(name, "+psycopg")


def brought_to(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def filled(engine: sa.Engine, revision: str) -> None:
    """Rows as the code of that time wrote them."""
    dataset = json.dumps({"id": "a" * 64, "sha256": "b" * 64, "bytes": 1234, "rows": 2})
    job = json.dumps({"id": "job", "plan": "0" * 64, "state": "succeeded", "timeline": []})
    with engine.begin() as connection:
        put = "INSERT INTO records (kind, id, body, created_at) VALUES (:kind, :id, :body, '2026-11-01T00:00:00.000Z')"
        decision = msgspec.json.encode(KEPT).decode()
        connection.execute(sa.text(put), {"kind": "decision", "id": ID, "body": decision})
        connection.execute(sa.text(put), {"kind": "dataset", "id": "a" * 64, "body": dataset})
        values = {"body": job}
        connection.execute(sa.text("INSERT INTO jobs VALUES ('job', 1, 'again and again', :body)"), values)
        connection.execute(sa.text("INSERT INTO job_events VALUES ('job', 1, NULL, 'state', 'then', '{}')"))
        if revision != "0001":
            body = json.dumps({"id": "evaluation", "request": "0" * 64, "state": "failed", "timeline": []})
            connection.execute(sa.text("INSERT INTO evaluations VALUES ('evaluation', 1, 'k', :b)"), {"b": body})


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_what_was_there_is_the_default_projects(url: str, revision: str) -> None:
    engine = open_engine(url)
    brought_to(engine, revision)
    filled(engine, revision)
    migrate(engine)
    migrate(engine)
    mine, other = Store(engine).of("default"), Store(engine).of("other")
    assert mine.get("decision", ID, Kept) == KEPT
    assert (mine.stored_bytes(), other.stored_bytes()) == (1234, 0)
    assert (mine.job("job").state, mine.events("job", after=0)[0].event) == ("succeeded", "state")
    assert (other.list_jobs(after=0, limit=9), other.events("job", after=0)) == ([], [])
    # the key that was used before is known after
    job, new = mine.add_job(Job(id="second", plan="0" * 64, state="queued", timeline=[]), "again and again")
    assert (job.id, new) == ("job", False)
    assert other.add_job(new_job("theirs"), "again and again") == (other.job("theirs"), True)
    if revision != "0001":
        assert mine.evaluations.get("evaluation").state == "failed"
        queued = EvaluationJob(id="more", request="0" * 64, state="queued", timeline=[])
        assert mine.evaluations.add(queued, "k")[0].id == "evaluation"
    assert other.put("decision", ID, KEPT) == KEPT
    mine.audit.note(Deed("cli", "dataset.deleted"), ID)
    with pytest.raises(sa.exc.DBAPIError, match="only grows"), engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM audit"))
    assert [one.subject for one in mine.audit.page(after=0, limit=9)] == [ID]
    engine.dispose()


def test_requests_are_counted_by_the_minute_for_all_processes(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    one, two = Store(engine), Store(engine)
    assert [one.keys.count("a", 7), two.keys.count("a", 7), one.keys.count("b", 7)] == [1, 2, 1]
    assert [two.keys.count("a", 8), one.keys.count("a", 8)] == [1, 2]
    engine.dispose()
