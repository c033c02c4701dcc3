"""Tables of every earlier version become those of this one, with their rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import service.store
from service.records.job import Job, Moment
from service.store.database import head, migrate, open_engine
from service.store.store import Store
from service.store.tables import metadata

SCRIPTS = Config()
SCRIPTS.set_main_option("script_location", str(Path(service.store.__file__).parent / "migrations"))
REVISIONS = [one.revision for one in reversed(list(ScriptDirectory.from_config(SCRIPTS).walk_revisions()))]
JOB = Job(id="j" * 32, plan="p" * 64, state="running", timeline=[Moment("queued", "2026-01-01T00:00:00.000Z")])


def of_version(engine: sa.Engine, revision: str) -> None:
    """The tables as that version made them."""
    with engine.begin() as connection:
        SCRIPTS.attributes["connection"] = connection
        command.upgrade(SCRIPTS, revision)


def filled(engine: sa.Engine) -> None:
    """Rows as the first version wrote them."""
    rows = {
        "INSERT INTO records VALUES ('decision', 'd1', :body, '2026-01-01T00:00:00.000Z')": '{"id": "d1"}',
        f"INSERT INTO jobs (id, number, idempotency_key, body) VALUES ('{JOB.id}', 1, 'k1', :body)": (
            msgspec.json.encode(JOB).decode()
        ),
        f"INSERT INTO job_events (job_id, n, source_n, event, at, data) VALUES ('{JOB.id}', 1, NULL, 'state', "
        "'2026-01-01T00:00:00.000Z', :body)": '{"state": "queued"}',
    }
    with engine.begin() as connection:
        for statement, body in rows.items():
            connection.execute(sa.text(statement), {"body": body})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    yield made
    made.dispose()


def test_there_is_one_line_of_versions() -> None:
    assert REVISIONS[0] == "0001"
    assert ScriptDirectory.from_config(SCRIPTS).get_heads() == [REVISIONS[-1]] == [head()]


@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_of_an_earlier_version_are_there_after_the_upgrade(engine: sa.Engine, revision: str) -> None:
    of_version(engine, "0001")
    filled(engine)
    of_version(engine, revision)
    migrate(engine)
    migrate(engine)  # what is up to date stays as it is
    store = Store(engine)
    assert store.get("decision", "d1", dict) == {"id": "d1"}
    assert store.job(JOB.id) == JOB
    assert [event.data for event in store.events(JOB.id, after=0)] == [{"state": "queued"}]
    assert store.add_job(Job(id="other", plan="q", state="queued", timeline=[]), "k1")[1] is False
    assert store.health.unready() == []
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_tables_that_are_behind_are_not_ready(engine: sa.Engine) -> None:
    of_version(engine, "0001")
    (error,) = Store(engine).health.unready()
    assert (error.where, error.seen, error.allowed) == ("migrations", "0001", head())
