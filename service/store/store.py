"""Reads and writes: records once, jobs in place, events only at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.errors import TuneGateError
from service.records.access import Deed
from service.records.job import ENDED, Job, JobEvent
from service.records.webhook import job_ended
from service.store.audit import Audit, append
from service.store.database import changing, settle
from service.store.deployments import Deployments
from service.store.evaluations import Evaluations
from service.store.events import append_event, events_after, last_source_n
from service.store.executors import Executors
from service.store.health import Health, answering
from service.store.keys import Keys
from service.store.launches import Launches, keep_launch
from service.store.monitors import Monitors
from service.store.numbers import insert_numbered
from service.store.outbox import Outbox, tell
from service.store.projects import key_digest, within
from service.store.quotas import one_by_one, require_room, require_turn
from service.store.removal import Removal
from service.store.runs import Runs, add, end, require_carrier
from service.store.standing import Standing
from service.store.storing import Storing, named
from service.store.syntheses import Syntheses
from service.store.tables import DEFAULT_PROJECT, jobs, records
from service.store.unended import cancelling_ids, open_ids
from service.store.webhooks import Webhooks

R = TypeVar("R")
_INSERT_RECORD = sa.insert(records)


class Store:
    """All calls are synchronous and durable when they return.

    Bound to a project it neither sees nor changes another's; without one it sees every job and evaluation, which is
    what carries them out needs, and its records are those of the default project.
    """

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        self._engine, self._project = engine, project
        self._place = project or DEFAULT_PROJECT
        self.evaluations = Evaluations(engine, project)
        self.syntheses = Syntheses(engine, project)
        self.deployments = Deployments(engine, project)
        self.keys = Keys(engine, project)
        self.launches = Launches(engine)
        self.audit = Audit(engine, project)
        self.health = Health(engine)
        self.runs = Runs(engine)
        self.standing = Standing(engine)
        self.removal = Removal(engine, project)
        self.storing = Storing(engine, project)
        self.webhooks = Webhooks(engine, project)
        self.outbox = Outbox(engine)
        self.monitors = Monitors(engine, project)

    def of(self, project: str) -> Store:
        """The same database as one project sees it."""
        return Store(self._engine, project)

    def executors(self) -> Executors | None:
        """The services that carry out jobs here; None where it can only be one (SQLite)."""
        return Executors(self._engine) if self._engine.dialect.name == "postgresql" else None

    def settle(self) -> bool:
        """Make what was removed unreadable, as far as the database can be told to; False while somebody reads it."""
        return settle(self._engine)

    def put(self, kind: str, identifier: str, record: R, *, most_bytes: int | None = None) -> R:
        """Keep a record; the first one stored under an id wins, and is what comes back.

        Raises:
            TuneGateError: `quota_exceeded` for one whose file takes the project beyond `most_bytes`.
        """
        body = msgspec.json.encode(record).decode()
        row = {"project": self._place, "kind": kind, "id": identifier, "body": body, "created_at": now()}
        size = getattr(record, "bytes", 0) if kind == "dataset" else 0
        try:
            with self._engine.begin() as connection:
                if most_bytes is not None:
                    one_by_one(connection)
                connection.execute(_INSERT_RECORD, row | {"stored_bytes": size})
                require_room(connection, self._place, most_bytes)
                if kind == "dataset":
                    named(connection, self._place, "dataset", identifier)
        except sa.exc.IntegrityError:
            return self.get(kind, identifier, type(record))
        return record

    def get(self, kind: str, identifier: str, type_: type[R]) -> R:
        """A record by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            query = sa.select(records.c.body).where(*self._one(kind, identifier))
            body = connection.execute(query).scalar_one_or_none()
        if body is None:
            raise TuneGateError("unknown_id", f"No {kind.replace('_', ' ')} with this id is stored here.")
        return msgspec.json.decode(body, type=type_)

    def all(self, kind: str, type_: type[R]) -> Iterator[R]:
        """Every record of a kind, the oldest first."""
        chosen = sa.select(records.c.body).where(records.c.kind == kind, within(records, self._project))
        query = chosen.order_by(records.c.created_at, records.c.id)
        with self._engine.connect() as connection:
            for body in connection.execution_options(yield_per=200).execute(query).scalars():
                yield msgspec.json.decode(body, type=type_)

    def renew(self, kind: str, identifier: str) -> None:
        """Note that a record was stored again, so that its time runs anew."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(records).where(*self._one(kind, identifier)).values(created_at=now()))

    def require_room(self, more: int, most_bytes: int | None) -> None:
        """Refuse early what `put` would refuse: `more` bytes beside what is stored."""
        with self._engine.connect() as connection:
            require_room(connection, self._place, most_bytes, more)

    def stored_bytes(self) -> int:
        """Bytes of the files that lie beside the project's records."""
        query = sa.select(sa.func.coalesce(sa.func.sum(records.c.stored_bytes), 0))
        with self._engine.connect() as connection:
            return int(connection.execute(query.where(within(records, self._project))).scalar_one())

    def open_jobs(self) -> list[str]:
        """Ids of the project's jobs that have not ended, in order of submission.

        Raises:
            TuneGateError: `environment` when the database does not answer.
        """
        with answering(), self._engine.connect() as connection:
            return open_ids(connection, jobs, self._project)

    def cancelling_jobs(self) -> set[str]:
        """Ids of those of them that are being cancelled."""
        with self._engine.connect() as connection:
            return cancelling_ids(connection, jobs, self._project)

    def _one(self, kind: str, identifier: str) -> tuple[sa.ColumnElement[bool], ...]:
        return records.c.project == self._place, records.c.kind == kind, records.c.id == identifier

    def add_job(
        self,
        job: Job,
        idempotency_key: str | None,
        deeds: Sequence[Deed] = (),
        *,
        inputs: str | None = None,
        launch: bytes | None = None,
        most_open: int | None = None,
    ) -> tuple[Job, bool]:
        """Keep a new job with its first event, who asked for it, what it needs, and what will be sent elsewhere.

        (the earlier job, False) for a key used before.

        Raises:
            TuneGateError: `quota_exceeded` where the project has `most_open` jobs that have not ended.
        """
        key = key_digest(self._project, idempotency_key)
        row = {"id": job.id, "idempotency_key": key, "body": _encode(job), "project": self._place}
        try:
            with self._engine.begin() as connection:
                insert_numbered(connection, jobs, row)
                require_turn(connection, jobs, self._place, most_open)
                add(connection, job.id, inputs)
                if launch is not None:
                    keep_launch(connection, job.id, launch)
                append_event(connection, job.id, "state", {"state": job.state})
                for deed in deeds:
                    append(connection, self._project, deed, job.id)
        except sa.exc.IntegrityError:
            if key is None:
                raise  # every other caller's that has none would fit
            query = sa.select(jobs.c.body).where(jobs.c.idempotency_key == key)
            with self._engine.connect() as connection:
                return msgspec.json.decode(connection.execute(query).scalar_one(), type=Job), False
        return job, True

    def job(self, identifier: str) -> Job:
        """A job by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return _job(connection, identifier, self._project)

    def project_of(self, identifier: str) -> str:
        """The project that a job belongs to.

        Raises:
            TuneGateError: `unknown_id`.
        """
        query = sa.select(jobs.c.project).where(jobs.c.id == identifier, within(jobs, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise TuneGateError("unknown_id", "No job with this id is known here.")
        return str(found)

    def list_jobs(self, *, after: int, limit: int) -> list[tuple[int, Job]]:
        """(number, job) in order of submission."""
        chosen = sa.select(jobs.c.number, jobs.c.body).where(jobs.c.number > after, within(jobs, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(chosen.order_by(jobs.c.number).limit(limit)).all()
        return [(number, msgspec.json.decode(body, type=Job)) for number, body in found]

    def update_job(
        self,
        identifier: str,
        change: Callable[[Job], Job | None],
        event: tuple[str, dict[str, Any]] | None = None,
        *,
        carrier: str | None = None,
    ) -> Job:
        """Change a job, append an event and tell webhooks of its end in one transaction; None leaves all alone.

        Raises:
            Fenced: when it is another than `carrier` who carries it out.
        """
        with changing(self._engine) as connection:
            job = _job(connection, identifier, self._project, lock=True)
            if job.state not in ENDED:
                require_carrier(connection, identifier, carrier)
            changed = change(job)
            if changed is None:
                return job
            ended = changed.state in ENDED
            values = {"body": _encode(changed), "ended": ended}
            connection.execute(sa.update(jobs).where(jobs.c.id == identifier).values(values))
            if event is not None:
                append_event(connection, identifier, *event)
            if ended:
                end(connection, identifier)
            if ended and job.state not in ENDED:
                project = str(connection.execute(sa.select(jobs.c.project).where(jobs.c.id == identifier)).scalar_one())
                tell(connection, project, *job_ended(project, changed))
        return changed

    def forward(
        self,
        identifier: str,
        source_n: int,
        event: str,
        data: dict[str, Any],
        change: Callable[[Job], Job],
        *,
        carrier: str | None = None,
    ) -> None:
        """Append a trainer's record exactly once, whoever forwards it; a job that has ended gets none.

        Raises:
            Fenced: when it is another than `carrier` who carries it out.
        """
        try:
            with changing(self._engine) as connection:
                job = _job(connection, identifier, self._project, lock=True)
                if job.state in ENDED:
                    return
                require_carrier(connection, identifier, carrier)
                append_event(connection, identifier, event, data, source_n=source_n)
                values = {"body": _encode(change(job))}
                connection.execute(sa.update(jobs).where(jobs.c.id == identifier).values(values))
        except sa.exc.IntegrityError:
            return

    def forwarded(self, identifier: str) -> int:
        """The number of the last trainer's record that was appended."""
        with self._engine.connect() as connection:
            return last_source_n(connection, identifier)

    def events(self, identifier: str, *, after: int) -> list[JobEvent]:
        """Events numbered above `after`."""
        with self._engine.connect() as connection:
            return events_after(connection, identifier, after, self._project)


def _job(connection: sa.Connection, identifier: str, project: str | None, *, lock: bool = False) -> Job:
    query = sa.select(jobs.c.body).where(jobs.c.id == identifier, within(jobs, project))
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise TuneGateError("unknown_id", "No job with this id is known here.")
    return msgspec.json.decode(body, type=Job)


def _encode(job: Job) -> str:
    return msgspec.json.encode(job).decode()
