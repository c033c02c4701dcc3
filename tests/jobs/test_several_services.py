"""Real services over one Postgres: one is killed for good, one is slow, one has no worker, two want one name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres_server import Postgres
from quick_jobs import Noting, processes_of, until, violations
from sessions import cut_session, is_robbed

from service.records.job import Job
from service.store.database import migrate, open_engine
from service.store.store import Store

LONG = 30


class Cluster:
    """Services that share a database and a storage, each with a data folder of its own."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self.settings = {
            "TUNEGATE_DATABASE_URL": address,
            "TUNEGATE_STORAGE_URL": (folder / "storage").as_uri(),
            "TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3",
        }
        self.started: list[Noting] = []

    def serve(self, name: str, *flags: str) -> Noting:
        (self.folder / name).mkdir(exist_ok=True)
        self.started.append(Noting(self.folder / name, *flags, **self.settings, TUNEGATE_EXECUTOR=name))
        return self.started[-1]

    @property
    def homes(self) -> list[Path]:
        return [self.folder / name for name in ("one", "two", "door") if (self.folder / name).exists()]

    def cut(self, name: str) -> None:
        assert cut_session(self.address, name) or is_robbed(self.address, name)


@pytest.fixture
def cluster(tmp_path: Path, postgres: Postgres) -> Iterator[Cluster]:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    made = Cluster(tmp_path, postgres.address(name, "+psycopg"))
    yield made
    for one in made.started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGCONT)
            one.kill()
    for home in made.homes:
        for process in processes_of(home):
            process.kill()


def carrying(services: list[Noting], job: str) -> Callable[[], Noting | None]:
    return lambda: next((one for one in services if one.trainer(job) is not None), None)


def test_a_worker_that_is_killed_for_good_is_robbed_and_the_other_finishes_its_job(cluster: Cluster) -> None:
    services = [cluster.serve("one"), cluster.serve("two")]
    job = services[0].launch(epochs=LONG)
    dead: Noting = until(carrying(services, job))
    (other,) = [one for one in services if one is not dead]
    other.until(job, "running", steps=5)
    trainer = dead.trainer(job)
    assert trainer is not None
    trainer.kill()
    dead.kill()
    assert other.until(job)["state"] == "succeeded"
    assert violations(other, job, cluster.homes, killed=1) == []
    said = other.http.get(f"/v1/jobs/{job}/logs").text
    assert "the job goes on here with the files of its earlier run" in said
    assert "resumed at step" in said
    artifacts = list(cluster.folder.glob(f"storage/default/artifacts/{job}/manifest.json"))
    assert len(artifacts) == 1


def test_a_slow_worker_is_not_robbed_and_one_that_was_cut_off_writes_nothing_more(cluster: Cluster) -> None:
    services = [cluster.serve("one"), cluster.serve("two")]
    job = services[0].launch(epochs=50)
    slow: Noting = until(carrying(services, job))
    (other,) = [one for one in services if one is not slow]
    other.until(job, "running", steps=3)
    slow.process.send_signal(signal.SIGSTOP)
    quiet(cluster, slow.home.name)
    assert other_notes(cluster, other.home.name, job) == []  # silent, and still holding its name
    cluster.cut(slow.home.name)
    until(lambda: other_notes(cluster, other.home.name, job))
    slow.process.send_signal(signal.SIGCONT)
    assert slow.process.wait(120) == 3
    assert "lost" in slow.log.read_text()
    assert other.until(job)["state"] == "succeeded"
    assert violations(other, job, [other.home], killed=1) == []
    until(lambda: not processes_of(slow.home))


def test_one_that_was_robbed_and_has_not_noticed_takes_nothing(postgres: Postgres) -> None:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    engine = open_engine(postgres.address(name, "+psycopg"))
    migrate(engine)
    store = Store(engine)
    services = store.executors()
    assert services is not None
    for job in ("early", "late"):
        store.add_job(Job(id=job, plan="p" * 64, state="queued"), None)
    with services.connect() as session:
        assert services.hold(session, "one")
        services.begin(session, "one", "first", "1")
        assert store.runs.take("early", seen=None, carrier="one/first/a") == "taken"
    with services.dead("one", silent_ms=0) as dead:
        assert dead
        assert store.runs.take("late", seen=None, carrier="one/first/b") == "robbed"
    assert store.runs.get("late").carrier is None
    engine.dispose()


def quiet(cluster: Cluster, name: str) -> None:
    """Return once a service has been silent twice as long as it may be."""
    engine = sa.create_engine(cluster.address)
    clock = "(extract(epoch from clock_timestamp()) * 1000)::bigint"

    def silent() -> bool:
        with engine.connect() as connection:
            query = sa.text(f"SELECT {clock} - beat_ms FROM executors WHERE name = :name")
            return int(connection.execute(query, {"name": name}).scalar_one()) > 6000

    until(silent)
    engine.dispose()


def other_notes(cluster: Cluster, name: str, job: str) -> list[str]:
    try:
        return [line for line in (cluster.folder / name / "notes").read_text().splitlines() if job in line]
    except FileNotFoundError:
        return []


def test_a_service_without_a_worker_takes_cancels_and_shows_what_another_carries_out(cluster: Cluster) -> None:
    door = cluster.serve("door", "--no-worker")
    job = door.launch()
    assert door.http.get("/health/ready").status_code == 200
    assert door.job(job)["state"] == "queued"
    worker = cluster.serve("one")
    assert door.until(job)["state"] == "succeeded"
    assert violations(door, job, cluster.homes, killed=0) == []
    second = door.launch(epochs=LONG)
    door.until(second, "running", steps=1)
    door.cancel(second)
    assert door.until(second, "cancelled")
    assert violations(worker, second, cluster.homes, killed=0) == []
    assert other_notes(cluster, "door", second) == []


def test_two_services_of_one_name_are_refused(cluster: Cluster) -> None:
    cluster.serve("one")
    own = {"TUNEGATE_HOME": str(cluster.folder / "x"), "TUNEGATE_EXECUTOR": "one"}
    environment = os.environ | cluster.settings | own
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    second = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (second.returncode, "Traceback" in second.stderr) == (3, False)
    assert "TUNEGATE_EXECUTOR" in second.stderr


def test_without_others_a_service_needs_its_worker(tmp_path: Path) -> None:
    environment = os.environ | {"TUNEGATE_HOME": str(tmp_path), "TUNEGATE_DATABASE_URL": ""}
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--no-worker"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (refused.returncode, "Postgres" in refused.stderr) == (2, True)
