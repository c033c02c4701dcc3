"""A service that asks for keys, with two projects in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.testing import TestClient
from unweighted import add_base

from service.app import build_app
from service.clock import later, now
from service.records.access import SCOPES, Deed, NewKey
from service.records.deployment import Deployment, DeploymentPlan
from service.records.evaluation_job import EvaluationJob
from service.records.job import Job, Moment
from service.records.monitor import Monitor, Schedule
from service.records.synth_job import SynthJob
from service.records.synthesis import Spent, SynthReport
from service.settings import Settings, load_settings
from service.store.outbox import KeptSecret
from service.store.syntheses import RECORD
from service.verbs.keys import create_key, key_store, revoke_key

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"


class House:
    """The running service and the means to make keys for it."""

    def __init__(self, client: TestClient[Litestar], settings: Settings) -> None:
        self.client, self.settings = client, settings
        self.app = client.app

    def key(self, project: str, *scopes: str, **more: Any) -> NewKey:
        with key_store(self.settings) as store:
            return create_key(
                store, f"of {project}", project=project, scopes=scopes or SCOPES[:-1], expires="90d", **more
            )

    def expired(self, project: str) -> str:
        made = self.key(project)
        self.sql("UPDATE api_keys SET expires_at = '2026-01-01T00:00:00.000Z' WHERE id = :id", id=made.key.id)
        return made.secret

    def revoked(self, project: str) -> str:
        made = self.key(project)
        with key_store(self.settings) as store:
            revoke_key(store, made.key.id)
        return made.secret

    def sql(self, statement: str, **values: Any) -> None:
        engine = sa.create_engine(self.settings.database_url)
        with engine.begin() as connection:
            connection.execute(sa.text(statement), values)
        engine.dispose()

    def ask(self, method: str, path: str, secret: str | bytes | None, **more: Any) -> Any:
        headers = {} if secret is None else {"X-API-Key": secret}
        return self.client.request(method, path, headers=headers | more.pop("headers", {}), **more)

    def refused(self, answer: Any, status: int, code: str) -> Any:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        body = answer.json()
        assert (body["status"], body["code"]) == (status, code)
        return body

    def upload(self, secret: str) -> Any:
        answer = self.ask(
            "POST", "/v1/datasets", secret, params={"target": "local", "privacy": "off"},
            content=(DESK / "train.jsonl").read_bytes(),
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return answer.json()


def new_job(identifier: str) -> Job:
    return Job(id=identifier, plan="0" * 64, state="queued", timeline=[Moment("queued", now())])


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., House]]:
    """Starts the one service of a module."""
    running: list[TestClient[Litestar]] = []

    def start(**variables: str) -> House:
        home = tmp_path_factory.mktemp("home")
        add_base(home)
        settings = load_settings({"TUNEGATE_HOME": str(home)} | variables)
        client = TestClient(build_app(settings=settings))
        running.append(client)
        client.__enter__()
        return House(client, settings)

    yield start
    for client in running:
        client.__exit__(None, None, None)


def written(identifier: str) -> SynthReport:
    """The record of a synthesis of which nothing stayed."""
    return SynthReport(
        id=identifier, made_at=now(), rules_revision="", kind="coverage", verdict="fail", why=[], target="local",
        model={}, settings={}, rows=1, output=None, provenance_sha256=None, sources=[], coverage=0, templates={},
        rejected={}, failed={}, redacted={}, personal={}, limits={}, diversity=None, lint_report=None,
        spent=Spent(requests=0, tokens=0),
    )  # fmt: skip


def seeded(house: House, project: str, secret: str) -> dict[str, str]:
    """One of everything that has an id, all of it the project's."""
    dataset = house.upload(secret)["id"]
    wanted = {"model": "base", "techniques": ["lora"], "gpu": "cpu", "dataset_id": dataset}
    made = {
        "datasets": dataset,
        "decisions": house.ask("POST", "/v1/decisions", secret, json={"facts": {}}).json()["id"],
        "estimates": house.ask("POST", "/v1/estimates", secret, json=wanted).json()["id"],
    }
    plan = {"dataset_id": dataset, "model": "base", "technique": "lora"}
    made["plans"] = house.ask("POST", "/v1/plans", secret, json=plan).json()["id"]
    made["jobs"], made["evaluations"] = f"job-of-{project}", f"evaluation-of-{project}"
    with key_store(house.settings) as store:
        store.of(project).add_job(new_job(made["jobs"]), None)
        store.of(project).evaluations.add(
            EvaluationJob(id=made["evaluations"], request="0" * 64, state="queued", timeline=[]), None
        )
        made["synth"] = f"synthesis-of-{project}"
        running = SynthJob(id=made["synth"], request="0" * 64, state="queued", timeline=[])
        store.of(project).syntheses.add(running, None)
        made["synth/records"] = f"record-of-{project}"
        store.of(project).put(RECORD, made["synth/records"], written(made["synth/records"]))
        hooks, hook = store.of(project).webhooks, f"webhook-of-{project}"
        secret = KeptSecret(salt="", key_id="", made_at=now())
        hooks.add("https://a.example", [], secret, hook, most=1, deed=Deed("tests", "webhook.created"))
        made["webhooks"], made["deliveries"] = hook, hooks.ping(hook, most=1).id
        monitors, made["monitors"] = store.of(project).monitors, f"monitor-of-{project}"
        schedule = Schedule(every_seconds=86_400)
        due = Monitor(
            id=made["monitors"], name="m", schedule=schedule, evaluation={}, created_at=now(), next_at=later(-1)
        )
        monitors.add(due, most=1, deed=Deed("tests", "monitor.created"))
        # the service may be faster, and fails it: it asks for nothing
        monitors.claim_due(lambda _: later(86_400))
        ((_, run),) = monitors.runs(due.id, after=0, limit=2)
        made["runs"] = run.id
        shown = DeploymentPlan(
            id="d" * 64, job="job", target="azure-ml", name="tg-d", makes=[], usd_per_hour=None,
            most_usd_per_hour=None, most_usd=None, ttl_hours=None,
        )  # fmt: skip
        gone = Deployment(id=f"deployment-of-{project}", plan=shown, state="deleted")
        store.of(project).deployments.add(gone, b"{}", None, Deed("test", "deployment.created"))
        store.deployments.update(gone.id, lambda one: one)
        made["deployments"] = gone.id
    return made
