"""Slots: one run each, whoever looks and whatever the clock does; schedules that say nothing are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from service.clock import later, told
from service.jobs.schedules import check_schedule, next_slot
from service.records.access import Deed
from service.records.monitor import Monitor, Schedule
from service.store.database import migrate, open_engine
from service.store.store import Store

HOURLY = Schedule(every_seconds=3_600)
DEED = Deed("open", "monitor.created")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}")
    migrate(made)
    yield made
    made.dispose()


def monitor(store: Store, *, due: float, created: float = -90_000, schedule: Schedule = HOURLY) -> Monitor:
    made = Monitor(
        id="11111111-1111-1111-1111-111111111111", name="nightly", schedule=schedule, evaluation={},
        created_at=later(created), next_at=later(due),
    )  # fmt: skip
    store.monitors.add(made, most=5, deed=DEED)
    return made


def claim(store: Store) -> int:
    return store.monitors.claim_due(lambda one: next_slot(one.schedule, one.created_at))


def end_all(store: Store) -> None:
    for one in store.monitors.open_runs():
        store.monitors.end(msgspec.structs.replace(one.run, state="succeeded"))


def test_many_that_look_at_once_make_one_run(engine: sa.Engine) -> None:
    store = Store(engine)
    made = monitor(store, due=-1)
    gate, claimed = threading.Barrier(8), []

    def look() -> None:
        gate.wait(60)
        claimed.append(claim(Store(engine)))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert sorted(claimed) == [0] * 7 + [1]
    assert [one.run.slot for one in store.monitors.open_runs()] == [made.next_at]


def test_a_day_that_was_slept_through_is_made_up_for_once(engine: sa.Engine) -> None:
    store = Store(engine)
    made = monitor(store, due=-86_400)
    assert [claim(store) for _ in range(3)] == [1, 0, 0]
    following = store.monitors.get(made.id).next_at
    assert later(0) < following <= later(3_600)
    # on the grid of its making, and not an hour after the look
    apart = datetime.fromisoformat(following) - datetime.fromisoformat(made.created_at)
    assert apart.total_seconds() % 3_600 == pytest.approx(0, abs=0.01)


def test_a_run_that_goes_on_lets_the_next_slot_pass(engine: sa.Engine) -> None:
    store = Store(engine)
    monitor(store, due=-10)
    assert claim(store) == 1
    _due_again(engine, store, -5)
    assert claim(store) == 0
    end_all(store)
    _due_again(engine, store, -1)
    assert claim(store) == 1


def test_a_clock_that_is_set_back_runs_no_slot_twice_and_waits_for_no_century(engine: sa.Engine) -> None:
    store = Store(engine)
    made = monitor(store, due=-10)
    assert claim(store) == 1
    end_all(store)
    # as it is after a look at a time that lay years ahead
    with engine.begin() as connection:
        values = {"next_at": "2099-01-01T00:00:00.000Z", "set_at": "2098-12-31T23:00:00.000Z"}
        _set(connection, store, made.id, values["next_at"], values["set_at"])
    assert claim(store) == 0
    assert store.monitors.get(made.id).next_at <= later(3_600)
    # the same slot once more
    with engine.begin() as connection:
        _set(connection, store, made.id, made.next_at, made.next_at)
    assert claim(store) == 0


def _due_again(engine: sa.Engine, store: Store, seconds: float) -> None:
    (found,) = [one for _, one in store.monitors.page(after=0, limit=2)]
    with engine.begin() as connection:
        _set(connection, store, found.id, later(seconds), later(seconds))


def _set(connection: sa.Connection, store: Store, identifier: str, next_at: str, set_at: str) -> None:
    statement = sa.text("UPDATE monitors SET next_at = :next_at, set_at = :set_at WHERE id = :id")
    connection.execute(statement, {"next_at": next_at, "set_at": set_at, "id": identifier})


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"])
def test_summer_time_moves_no_slot(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    begun = datetime(2026, 3, 28, 12, tzinfo=UTC)
    for schedule, apart in ((Schedule(cron="30 2 * * *"), 86_400), (Schedule(every_seconds=7_200), 7_200)):
        slots = [told(begun)]
        for _ in range(24):
            slots.append(next_slot(schedule, told(begun), datetime.fromisoformat(slots[-1])))
        moments = [datetime.fromisoformat(one) for one in slots[1:]]
        between = {second - first for first, second in pairwise(moments)}
        assert between == {timedelta(seconds=apart)}
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Schedule(), "one of the two"),
        (Schedule(every_seconds=3_600, cron="0 6 * * 1"), "one of the two"),
        (Schedule(every_seconds=5), "300"),
        (Schedule(cron="* * * * *"), "300 s or more"),
        (Schedule(cron="0 0 30 2 *"), "0 6 * * 1"),
        (Schedule(cron="61 0 * * *"), "0 6 * * 1"),
        (Schedule(cron="@hourly"), "five fields"),
        (Schedule(cron="0 0 * * * 5"), "five fields"),
    ],
)
def test_a_schedule_that_cannot_be_is_said(schedule: Schedule, said: str) -> None:
    (error,) = check_schedule(schedule)
    assert said in str(error.allowed)


def test_schedules_that_can_be() -> None:
    for one in (Schedule(every_seconds=300), Schedule(cron="*/5 * * * *"), Schedule(cron="0 6 29 2 *")):
        assert check_schedule(one) == []
