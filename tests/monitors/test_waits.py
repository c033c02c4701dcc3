"""What the record of a run says of its waits, whichever of several services writes it last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from service.clock import later
from service.jobs.schedules import next_slot
from service.records.access import Deed
from service.records.monitor import Monitor, MonitorRun, RunError, Schedule
from service.store.database import migrate, open_engine
from service.store.store import Store

AWAY = RunError("environment", "The database did not answer.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}")
    migrate(engine)
    made = Store(engine)
    monitor = Monitor(
        id="11111111-1111-1111-1111-111111111111", name="nightly", schedule=Schedule(every_seconds=3_600),
        evaluation={}, created_at=later(-90_000), next_at=later(-1),
    )  # fmt: skip
    made.monitors.add(monitor, most=5, deed=Deed("open", "monitor.created"))
    assert made.monitors.claim_due(lambda one: next_slot(one.schedule, one.created_at)) == 1
    yield made
    engine.dispose()


def only(store: Store) -> MonitorRun:
    ((_, monitor),) = store.monitors.page(after=0, limit=2)
    ((_, run),) = store.monitors.runs(monitor.id, after=0, limit=2)
    return run


def test_a_run_that_goes_on_is_tried_again_at_no_time(store: Store) -> None:
    queued = only(store)
    store.monitors.begun(queued.id, evaluation="e")
    store.monitors.waits(queued.id, 3, later(60), AWAY)
    assert only(store).retry_at is not None
    store.monitors.goes_on(queued.id)
    run = only(store)
    assert (run.state, run.retry_at, run.retries, run.waited_for) == ("running", None, 3, AWAY)


def test_a_run_ends_with_what_it_waited_for_although_who_ends_it_did_not_see_that(store: Store) -> None:
    seen = only(store)
    store.monitors.waits(seen.id, 2, later(60), AWAY)
    store.monitors.end(msgspec.structs.replace(seen, state="succeeded", verdict="baseline"))
    run = only(store)
    assert (run.state, run.retry_at, run.retries, run.waited_for) == ("succeeded", None, 2, AWAY)
    # and who comes later changes nothing
    store.monitors.waits(seen.id, 9, later(60), AWAY)
    store.monitors.goes_on(seen.id)
    assert only(store) == run
