"""monitors: an evaluation asked for again and again, and what its runs found."""

from __future__ import annotations

import uuid

import msgspec

from service.clock import now
from service.jobs.schedules import next_slot
from service.records.access import Deed
from service.records.drift import DriftReport
from service.records.monitor import Monitor, MonitorRun, Redecision
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.verbs.monitoring.body import MonitorRequest, check_request

MOST_MONITORS = 20


class MonitorList(msgspec.Struct, frozen=True):
    """A page of monitors; `next` is the cursor of the page after it."""

    items: list[Monitor]
    next: str | None


class RunList(msgspec.Struct, frozen=True):
    """A page of runs, without their records; `next` is the cursor of the page after it."""

    items: list[MonitorRun]
    next: str | None


def create(context: Context, request: MonitorRequest) -> Monitor:
    """Keep a monitor; its first run comes at the first slot of its schedule.

    Raises:
        TuneGateError: `invalid_input`, `endpoint_not_allowed`, `missing_key`, `missing_extra`, `quota_exceeded`.
    """
    check_request(context, request)
    moment = now()
    made = Monitor(
        id=str(uuid.uuid4()), created_at=moment, next_at=next_slot(request.schedule, moment),
        **msgspec.structs.asdict(request),
    )  # fmt: skip
    context.store.monitors.add(made, most=MOST_MONITORS, deed=Deed(context.caller.actor, "monitor.created"))
    return made


def list_monitors(context: Context, *, cursor: str | None, limit: int) -> MonitorList:
    """A page of monitors, the oldest first."""
    items, following = page_of(lambda after, most: context.store.monitors.page(after=after, limit=most), cursor, limit)
    return MonitorList(items, following)


def remove(context: Context, identifier: str) -> None:
    """Remove a monitor with its runs; evaluations and records that it asked for stay.

    Raises:
        TuneGateError: `unknown_id`.
    """
    context.store.monitors.forget(identifier, Deed(context.caller.actor, "monitor.deleted"))


def runs(context: Context, identifier: str, *, cursor: str | None, limit: int) -> RunList:
    """A page of a monitor's runs, the oldest first.

    Raises:
        TuneGateError: `unknown_id`.
    """
    items, following = page_of(
        lambda after, most: context.store.monitors.runs(identifier, after=after, limit=most), cursor, limit
    )
    return RunList(items, following)


def run(context: Context, identifier: str, run_id: str) -> MonitorRun:
    """A run with its drift report and its re-decision.

    Raises:
        TuneGateError: `unknown_id`.
    """
    found = context.store.monitors.run(identifier, run_id)
    drift = context.store.get("drift", found.drift_id, DriftReport) if found.drift_id else None
    made = context.store.get("redecision", found.redecision_id, Redecision) if found.redecision_id else None
    return msgspec.structs.replace(found, drift=drift, redecision=made)
