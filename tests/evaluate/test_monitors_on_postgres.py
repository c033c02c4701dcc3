"""Monitors of two services over one Postgres: one is killed in the middle of a run, and the database goes away.

Collected where the server's programs are (conftest.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import slots
from postgres_server import Postgres, postgres_server
from scripted_endpoint import Endpoint, Said, right
from service_process import Service, wait_for

ROWS = 40
HELD_AT = 5


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        running.create("monitors")
        yield running


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint, postgres: Postgres
) -> Iterator[list[Service]]:
    shared = {
        "TUNEGATE_DATABASE_URL": postgres.address("monitors", "+psycopg"), "TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3",
        "TUNEGATE_STORAGE_URL": tmp_path_factory.mktemp("storage").as_uri(),
    }  # fmt: skip
    running = [
        Service(tmp_path_factory.mktemp(name), endpoint, TUNEGATE_EXECUTOR=name, **shared) for name in ("one", "two")
    ]
    yield running
    for one in running:
        one.process.terminate()
        one.process.wait(60)


@pytest.fixture
def held(endpoint: Endpoint) -> Iterator[threading.Event]:
    """A few answers, and no more before it is set."""
    endpoint.bodies.clear()
    go_on = threading.Event()

    def rule(body: dict[str, Any], number: int) -> Said:
        if len(endpoint.bodies) > HELD_AT:
            go_on.wait(120)
        return right(body, number)

    endpoint.rule = rule
    yield go_on
    go_on.set()
    endpoint.rule = right


def begun(service: Service, postgres: Postgres, endpoint: Endpoint, word: str) -> str:
    """A monitor in the middle of its first run."""
    body = {"name": word, "schedule": {"every_seconds": 3_600}, "evaluation": service.body(service.dataset(word, ROWS))}
    monitor = str(service.http.post("/v1/monitors", json=body).json()["id"])
    slots.due(postgres.address("monitors", "+psycopg"), monitor)
    wait_for(lambda: len(endpoint.bodies) > HELD_AT)
    return monitor


def all_ready(services: list[Service]) -> None:
    for one in services:
        wait_for(lambda one=one: one.http.get("/health/ready").status_code == 200)  # type: ignore[misc]


def ended_once(service: Service, monitor: str) -> dict[str, Any]:
    run = slots.ended(service.http, monitor, 1)
    assert (run["state"], run["verdict"]) == ("succeeded", "baseline"), run
    asked_for = [one["id"] for one in service.http.get("/v1/evaluations", params={"limit": 500}).json()["items"]]
    assert asked_for.count(run["evaluation"]) == 1
    assert service.http.get(f"/v1/monitors/{monitor}").json()["baseline"] == run["evaluation"]
    return run


def waited_and_went_on(service: Service, monitor: str) -> bool:
    (run,) = slots.runs(service.http, monitor)
    return run["waited_for"] is not None and run["retry_at"] is None


def test_the_other_service_ends_the_run_of_one_that_is_killed(
    services: list[Service], postgres: Postgres, endpoint: Endpoint, held: threading.Event
) -> None:
    monitor = begun(services[0], postgres, endpoint, "killed")
    evaluation = slots.runs(services[0].http, monitor)[0]["evaluation"]
    (mine,) = [one for one in services if (one.home / "evaluations" / evaluation).exists()]
    (other,) = [one for one in services if one is not mine]
    mine.process.kill()
    mine.process.wait(60)
    held.set()
    ended_once(other, monitor)
    mine.start()
    slots.due(postgres.address("monitors", "+psycopg"), monitor)
    again = slots.ended(mine.http, monitor, 2)
    assert (again["verdict"], again["drift"]["findings"]) == ("undecided", [])


def test_a_run_waits_for_the_database_and_says_so(
    services: list[Service], postgres: Postgres, endpoint: Endpoint, held: threading.Event
) -> None:
    monitor = begun(services[0], postgres, endpoint, "away")
    postgres.stop()
    for one in services:
        wait_for(lambda one=one: one.http.get("/health/ready").status_code == 503)  # type: ignore[misc]
    postgres.start()
    all_ready(services)
    wait_for(lambda: waited_and_went_on(services[0], monitor))
    assert slots.runs(services[0].http, monitor)[0]["state"] == "running"
    held.set()
    run = ended_once(services[1], monitor)
    assert (run["waited_for"]["code"], run["retries"] >= 1, run["retry_at"]) == ("environment", True, None)


def test_a_slot_that_comes_while_the_database_is_away_has_one_run(
    services: list[Service], postgres: Postgres, endpoint: Endpoint
) -> None:
    first = services[0]
    body = {"name": "late", "schedule": {"every_seconds": 3_600}, "evaluation": first.body(first.dataset("late", ROWS))}
    monitor = first.http.post("/v1/monitors", json=body).json()["id"]
    slots.due(postgres.address("monitors", "+psycopg"), monitor)
    postgres.restart()
    all_ready(services)
    ended_once(services[1], monitor)
    assert len(slots.runs(first.http, monitor)) == 1


def test_services_end_while_the_database_is_away(
    services: list[Service], postgres: Postgres, endpoint: Endpoint, held: threading.Event
) -> None:
    """The last one here; in the middle of a run DBOS asks the database again and again, from threads of its own."""
    begun(services[0], postgres, endpoint, "last")
    postgres.stop()
    for one in services:
        wait_for(lambda one=one: one.http.get("/health/ready").status_code == 503)  # type: ignore[misc]
        one.process.terminate()
    for one in services:
        one.process.wait(60)
