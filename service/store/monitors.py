"""Monitors and their runs: a slot is claimed in the transaction that makes its run, so it has one, whoever looks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.errors import TuneGateError
from service.records.access import Deed
from service.records.monitor import Monitor, MonitorRun, RunError
from service.records.webhook import DriftDetected
from service.store.audit import append
from service.store.database import changing
from service.store.outbox import tell
from service.store.projects import within
from service.store.quotas import one_by_one
from service.store.tables import DEFAULT_PROJECT, monitor_runs, monitors

NextSlot = Callable[[Monitor], str]


class OpenRun(NamedTuple):
    """A run that has not ended, with its monitor and the project of both."""

    project: str
    monitor: Monitor
    run: MonitorRun


class Monitors:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        self._engine = engine
        self._project = project

    def add(self, monitor: Monitor, *, most: int, deed: Deed) -> None:
        """Keep a new one with who made it.

        Raises:
            TuneGateError: `quota_exceeded` when the project has as many as it may.
        """
        project = self._project or DEFAULT_PROJECT
        row = {"id": monitor.id, "project": project, "body": _encode(monitor), "next_at": monitor.next_at}
        with self._engine.begin() as connection:
            one_by_one(connection)
            connection.execute(sa.insert(monitors).values(row | {"set_at": now()}))
            count = sa.select(sa.func.count()).select_from(monitors).where(monitors.c.project == project)
            if connection.execute(count).scalar_one() > most:
                raise TuneGateError(
                    "quota_exceeded", f"The project has {most} monitors, as many as it may.",
                    remedy="DELETE one that is not needed.",
                )  # fmt: skip
            append(connection, self._project, deed, monitor.id)

    def get(self, identifier: str) -> Monitor:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        query = sa.select(monitors.c.body).where(monitors.c.id == identifier, within(monitors, self._project))
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar_one_or_none()
        if body is None:
            raise _unknown()
        return msgspec.json.decode(body, type=Monitor)

    def page(self, *, after: int, limit: int) -> list[tuple[int, Monitor]]:
        """(number, monitor), the oldest first."""
        chosen = sa.select(monitors.c.n, monitors.c.body).where(monitors.c.n > after, within(monitors, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(chosen.order_by(monitors.c.n).limit(limit)).all()
        return [(int(n), msgspec.json.decode(body, type=Monitor)) for n, body in found]

    def forget(self, identifier: str, deed: Deed) -> None:
        """Remove one for good, with its runs; their records and evaluations stay.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.begin() as connection:
            gone = sa.delete(monitors).where(monitors.c.id == identifier, within(monitors, self._project))
            if not connection.execute(gone).rowcount:
                raise _unknown()
            append(connection, self._project, deed, identifier)

    def runs(self, identifier: str, *, after: int, limit: int) -> list[tuple[int, MonitorRun]]:
        """(number, run) of a monitor, the oldest first.

        Raises:
            TuneGateError: `unknown_id`.
        """
        self.get(identifier)
        table = monitor_runs.c
        query = sa.select(table.n, table.body).where(table.monitor_id == identifier, table.n > after)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(table.n).limit(limit)).all()
        return [(int(n), msgspec.json.decode(body, type=MonitorRun)) for n, body in found]

    def run(self, identifier: str, run: str) -> MonitorRun:
        """A run of a monitor.

        Raises:
            TuneGateError: `unknown_id`.
        """
        self.get(identifier)
        query = sa.select(monitor_runs.c.body).where(monitor_runs.c.id == run, monitor_runs.c.monitor_id == identifier)
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar_one_or_none()
        if body is None:
            raise TuneGateError("unknown_id", "The monitor has no run with this id.")
        return msgspec.json.decode(body, type=MonitorRun)

    def claim_due(self, next_slot: NextSlot) -> int:
        """Make the run of every monitor that is due, and set when it is due next; how many runs were made.

        However many slots were slept through, one run is made for them; a monitor whose last run goes on gets none.
        After the clock was set back only the next slot is reckoned anew.
        """
        moment = now()
        wanted = sa.or_(monitors.c.next_at <= moment, monitors.c.set_at > moment)
        with self._engine.connect() as connection:
            # nearly always there is nothing, and this takes no lock
            found = connection.execute(sa.select(monitors.c.body, monitors.c.next_at).where(wanted)).all()
        claimed = [
            self._claim(msgspec.json.decode(body, type=Monitor), slot, moment, next_slot) for body, slot in found
        ]
        return sum(claimed)

    def open_runs(self) -> list[OpenRun]:
        """All that have not ended, the oldest first."""
        joined = sa.join(monitor_runs, monitors, monitor_runs.c.monitor_id == monitors.c.id)
        columns = (monitors.c.project, monitors.c.body, monitor_runs.c.body.label("run"))
        query = sa.select(*columns).select_from(joined).where(monitor_runs.c.ended.is_(False))
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(monitor_runs.c.n)).all()
        return [
            OpenRun(
                str(one[0]), msgspec.json.decode(one[1], type=Monitor), msgspec.json.decode(one[2], type=MonitorRun)
            )
            for one in found
        ]

    def begun(self, run: str, *, evaluation: str | None = None, dataset: str | None = None) -> None:
        """The run waits for an evaluation, or has a dataset; what another service gave it first stays."""

        def change(one: MonitorRun) -> MonitorRun:
            if one.state != "queued":
                return one
            return msgspec.structs.replace(one, state="running", evaluation=evaluation, dataset=dataset, retry_at=None)

        self._change(run, change, None)

    def waits(self, run: str, retries: int, retry_at: str, error: RunError) -> None:
        """The run could not go on, and is tried again."""

        def change(one: MonitorRun) -> MonitorRun:
            return msgspec.structs.replace(one, retries=max(retries, one.retries), retry_at=retry_at, waited_for=error)

        self._change(run, change, None)

    def goes_on(self, run: str) -> None:
        """The run waits no more; how often it did, and for what, stays."""
        self._change(run, lambda one: msgspec.structs.replace(one, retry_at=None), None)

    def end(self, ended: MonitorRun, told: DriftDetected | None = None, *, baseline: str | None = None) -> None:
        """The run is over: keep what it found, tell webhooks, and let the first one be the baseline, in one go.

        One that ended meanwhile, because two services looked at once, tells nothing twice. What it waited for is in
        the record, and may be newer than what `ended` was made from.
        """

        def change(one: MonitorRun) -> MonitorRun:
            return msgspec.structs.replace(ended, retries=one.retries, waited_for=one.waited_for, retry_at=None)

        self._change(ended.id, change, told, baseline)

    def _claim(self, monitor: Monitor, slot: str, moment: str, next_slot: NextSlot) -> bool:
        following = next_slot(monitor)
        mine = sa.and_(monitors.c.id == monitor.id, monitors.c.next_at == slot)
        changed = msgspec.structs.replace(monitor, next_at=following)
        values = {"next_at": following, "set_at": moment}
        with self._engine.begin() as connection:
            if not connection.execute(sa.update(monitors).where(mine).values(values)).rowcount:
                return False  # another service was faster, or it was removed
            body = connection.execute(sa.select(monitors.c.body).where(monitors.c.id == monitor.id)).scalar_one()
            changed = msgspec.structs.replace(msgspec.json.decode(body, type=Monitor), next_at=following)
            own = sa.update(monitors).where(monitors.c.id == monitor.id)
            connection.execute(own.values(body=_encode(changed)))
            of_monitor = monitor_runs.c.monitor_id == monitor.id
            hinders = sa.or_(monitor_runs.c.ended.is_(False), monitor_runs.c.slot == slot)
            busy = connection.execute(sa.select(monitor_runs.c.id).where(of_monitor, hinders).limit(1)).first()
            if slot > moment or busy is not None:
                return False
            made = MonitorRun(id=str(uuid.uuid4()), monitor=monitor.id, slot=slot, state="queued")
            row = {"id": made.id, "monitor_id": monitor.id, "slot": slot, "body": _encode(made)}
            connection.execute(sa.insert(monitor_runs).values(row))
        return True

    def _change(
        self,
        run: str,
        change: Callable[[MonitorRun], MonitorRun],
        told: DriftDetected | None,
        baseline: str | None = None,
    ) -> None:
        open_one = sa.and_(monitor_runs.c.id == run, monitor_runs.c.ended.is_(False))
        with changing(self._engine) as connection:
            query = sa.select(monitor_runs.c.body).where(open_one).with_for_update()
            body = connection.execute(query).scalar_one_or_none()
            if body is None:
                return
            changed = change(msgspec.json.decode(body, type=MonitorRun))
            values = {"body": _encode(changed), "ended": changed.state in {"succeeded", "failed"}}
            connection.execute(sa.update(monitor_runs).where(open_one).values(values))
            if baseline is not None:
                self._set_baseline(connection, changed.monitor, baseline)
            if told is not None:
                tell(connection, told.project, "drift.detected", told)

    @staticmethod
    def _set_baseline(connection: sa.Connection, identifier: str, baseline: str) -> None:
        one = monitors.c.id == identifier
        body = connection.execute(sa.select(monitors.c.body).where(one).with_for_update()).scalar_one()
        changed = msgspec.structs.replace(msgspec.json.decode(body, type=Monitor), baseline=baseline)
        connection.execute(sa.update(monitors).where(one).values(body=_encode(changed)))


def _encode(record: Monitor | MonitorRun) -> str:
    return msgspec.json.encode(record).decode()


def _unknown() -> TuneGateError:
    return TuneGateError("unknown_id", "No monitor with this id is known here.")
