"""What is sent to a service without a worker is carried out by another that cannot reach its data folder."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from following import ENDED, Following
from postgres_server import Postgres
from quick_jobs import until
from scripted_endpoint import Endpoint, Said, chat

from tests.azure_openai.conftest import OpenAi, Service
from tests.synth.conftest import good, passage_of

ROWS, ANSWERED = 6, 3
DOCUMENT = "Every question is answered at the quokka desk."
_ELSEWHERE = "import os, sys; os.chdir(sys.argv.pop(1)); from service.cli.app import run; run(['serve', *sys.argv[1:]])"
KINDS = ("evaluations", "synth")


class Door(Service):
    """It says of its data folder what is true for its own processes alone, as on a host of its own."""

    def __init__(self, home: Path, openai: OpenAi, **settings: str) -> None:
        home.mkdir()
        self.program = ("-c", _ELSEWHERE, str(home), "--no-worker")
        super().__init__(home, openai, TUNEGATE_HOME="/proc/self/cwd", **settings)


class Pair:
    """A door and a worker over one Postgres and one storage, an endpoint, and a target that deploys."""

    def __init__(self, folder: Path, postgres: Postgres, endpoint: Endpoint, openai: OpenAi) -> None:
        name = f"d{os.urandom(6).hex()}"
        postgres.create(name)
        self.address, self.endpoint, self.openai = postgres.address(name, "+psycopg"), endpoint, openai
        self.engine = sa.create_engine(self.address, poolclass=sa.NullPool)
        settings = {
            "TUNEGATE_DATABASE_URL": self.address, "TUNEGATE_STORAGE_URL": (folder / "storage").as_uri(),
            "TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3", "TUNEGATE_ENDPOINTS": endpoint.url, "AZURE_OPENAI_API_KEY": "",
            "TUNEGATE_AZURE_OPENAI_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
            "TUNEGATE_AZURE_OPENAI_RESOURCE_GROUP": "rg",
        } | openai.environment  # fmt: skip
        self.folder, self.settings = folder, settings
        # by the same name, as two of one host go by default
        self.door: Service = Door(folder / "door", openai, TUNEGATE_EXECUTOR="worker", **settings)
        self.both = [self.door]
        self.worker = self.work("worker")
        self.go_on = threading.Event()

    def work(self, name: str) -> Service:
        (self.folder / name).mkdir()
        self.both.append(Service(self.folder / name, self.openai, TUNEGATE_EXECUTOR=name, **self.settings))
        return self.both[-1]

    def rule(self, body: dict[str, Any], number: int) -> Said:
        """An answer to each; after a few none while `go_on` is not set."""
        if not self.go_on.is_set() and len(self.endpoint.bodies) > ANSWERED:
            return Said(hang=True)
        return good(body, number) if passage_of(body) else Said(text="yes")

    def begin(self, *, halts: bool = False) -> None:
        """Forget what was asked."""
        self.endpoint.bodies.clear()
        self.go_on.clear() if halts else self.go_on.set()

    def evaluation(self, **more: Any) -> dict[str, Any]:
        lines = "".join(json.dumps(chat(f"question {n}", "yes")) + "\n" for n in range(ROWS))
        stored = self.door.http.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=lines)
        model = {"id": "m", "name": "m", "endpoint": self.endpoint.url, "backoff_s": 0.001, "concurrency": 1}
        variant = {"id": "rag", "retrieval": {"top_k": 1}}
        documents = [{"name": "desk.txt", "text": DOCUMENT}]
        body = {"dataset_id": stored.json()["id"], "models": [model], "variants": [variant], "documents": documents}
        return body | more

    def synthesis(self, rows: int = 1, **more: Any) -> dict[str, Any]:
        model = {"name": "m", "endpoint": self.endpoint.url, "backoff_s": 0.001}
        documents = [{"name": f"{n}.txt", "text": f"{DOCUMENT} It is desk {n}."} for n in range(rows)]
        return {
            "kind": "coverage", "documents": documents, "model": model, "target": "local", "rows": rows,
            "concurrency": 1,
        } | more  # fmt: skip

    def asked(self, kind: str, **more: Any) -> dict[str, Any]:
        return self.evaluation(**more) if kind == "evaluations" else self.synthesis(ROWS, **more)

    def ended(self, service: Following, path: str, ends: set[str] = ENDED) -> Any:
        return until(lambda: (one := service.http.get(path).json())["state"] in ends and one)

    def processes(self, identifier: str) -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline", "status"])
        living = [one for one in found if one.info["status"] != psutil.STATUS_ZOMBIE]
        return [one for one in living if identifier in " ".join(one.info["cmdline"] or [])]

    def left(self, identifier: str) -> list[Any]:
        """What there is of one: processes, and files that hold its texts."""
        return [*self.processes(identifier), *self.folder.glob(f"*/*/{identifier}")]

    def carrier(self, identifier: str) -> str:
        """The service that carries one out."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT carrier FROM runs WHERE id = :id")
            return str(connection.execute(query, {"id": identifier}).scalar_one()).partition("/")[0]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "azure").mkdir()
    openai = OpenAi(folder / "azure")
    with Endpoint(lambda *_: Said()) as endpoint:
        made = Pair(folder, postgres, endpoint, openai)
        endpoint.rule = made.rule
        yield made
        made.go_on.set()
        for one in made.both:
            if one.process.poll() is None:
                one.stop()
        for process in made.processes(str(folder)):
            process.kill()
    openai.close()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_cancelled_and_gone_on_with_where_its_answers_are(pair: Pair, kind: str) -> None:
    pair.begin(halts=True)
    first = pair.door.post(f"/v1/{kind}", pair.asked(kind))
    assert first["state"] == "queued"
    until(lambda: len(pair.endpoint.bodies) > ANSWERED)
    pair.door.post(f"/v1/{kind}/{first['id']}/cancel")
    assert pair.ended(pair.worker, f"/v1/{kind}/{first['id']}")["state"] == "cancelled"
    assert pair.processes(first["id"]) == []
    pair.begin()
    path = f"/v1/{kind}/{pair.door.post(f'/v1/{kind}', pair.asked(kind, continues=first['id']))['id']}"
    shown = [pair.ended(one, path) for one in pair.both]
    assert shown[0]["state"] == "succeeded", shown
    assert shown[0] == shown[1]
    assert len(pair.endpoint.bodies) == ROWS - ANSWERED
    assert "desk" in json.dumps(pair.endpoint.bodies[0])
    if kind == "synth":
        dataset = pair.door.http.get(f"/v1/datasets/{shown[0]['dataset_id']}").json()
        assert dataset["report"]["files"][0]["rows"] == ROWS
    else:
        assert shown[0]["progress"] == {"asked": ROWS, "answered": ROWS, "total": ROWS}
    streams = [one.http.get(f"{path}/events").text for one in pair.both]
    assert streams[0] == streams[1]
    assert "event: end" in streams[0]
    # nobody would remove what lay there when another service is asked to
    assert not [one for one in pair.door.home.glob("*/*") if one.parent.name in {"evaluations", "syntheses"}]


def test_one_that_runs_is_removed_with_every_text(pair: Pair) -> None:
    pair.begin(halts=True)
    made = pair.door.post("/v1/evaluations", pair.evaluation())["id"]
    until(lambda: len(pair.endpoint.bodies) > ANSWERED)
    assert pair.left(made)
    assert pair.door.http.delete(f"/v1/evaluations/{made}").status_code == 204
    assert [one.http.get(f"/v1/evaluations/{made}").status_code for one in pair.both] == [404, 404]
    until(lambda: not pair.left(made))


def test_a_monitor_of_the_door_makes_its_rounds(pair: Pair) -> None:
    pair.begin()
    body = {"name": "desk", "schedule": {"every_seconds": 3600}, "evaluation": pair.evaluation()}
    monitor = pair.door.post("/v1/monitors", body)["id"]
    with pair.engine.begin() as connection:
        slot = sa.text("UPDATE monitors SET next_at = '2026-01-01T00:00:00.000Z' WHERE id = :id")
        connection.execute(slot, {"id": monitor})
    run = until(lambda: _ended_run(pair.door, monitor))
    assert (run["state"], run["verdict"]) == ("succeeded", "baseline")
    assert pair.worker.http.get(f"/v1/evaluations/{run['evaluation']}").json()["state"] == "succeeded"
    assert pair.door.http.delete(f"/v1/monitors/{monitor}").status_code == 204
    assert pair.worker.http.get(f"/v1/monitors/{monitor}").status_code == 404


def _ended_run(service: Following, monitor: str) -> Any:
    found = service.http.get(f"/v1/monitors/{monitor}/runs").json()["items"]
    return found and found[0]["state"] in ENDED and found[0]


def test_a_deployment_is_made_and_removed_from_the_door(pair: Pair) -> None:
    job = pair.door.launch()
    assert pair.door.ended(job)["state"] == "succeeded"
    made = pair.door.post("/v1/deployments", {"job_id": job})
    path = f"/v1/deployments/{made['id']}"
    assert pair.ended(pair.door, path, {"ready", "failed", "deleted"})["state"] == "ready"
    assert pair.openai.manager.made
    assert pair.door.http.delete(path).status_code == 202
    assert pair.ended(pair.worker, path, {"failed", "deleted"})["state"] == "deleted"
    assert pair.openai.manager.kept == {}


def test_what_a_lost_worker_left_running_is_ended_by_who_took_it_over(pair: Pair) -> None:
    pair.begin(halts=True)
    identifier = pair.worker.post("/v1/evaluations", pair.evaluation())["id"]
    until(lambda: len(pair.endpoint.bodies) > ANSWERED)
    pair.worker.kill()
    pair.both.remove(pair.worker)
    pair.work("other")
    until(lambda: pair.carrier(identifier) == "other")
    assert len(pair.processes(identifier)) == 1
    pair.door.post(f"/v1/evaluations/{identifier}/cancel")
    assert pair.ended(pair.door, f"/v1/evaluations/{identifier}")["state"] == "cancelled"
    assert pair.processes(identifier) == []
