"""The service's routes as methods that return its records; bodies and fields are those of the contract (/schema)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from service.client.connection import Connection, Event
from service.client.fetching import fetch_artifact, fetch_whole
from service.client.retrying import Retries
from service.errors import TuneGateError
from service.records.artifacts import Artifacts
from service.records.dataset import Dataset
from service.records.decision import Decision
from service.records.deployment import Deployment, DeploymentPlan
from service.records.estimate import Estimate, EstimateSet
from service.records.evaluation_job import EvaluationJob
from service.records.job import Job
from service.records.manifest import Manifest
from service.records.monitor import Monitor, MonitorRun
from service.records.synth_job import SynthJob, SynthKept
from service.records.synthesis import RowProvenance
from service.records.webhook import NewWebhook, Webhook, WebhookDelivery
from trainers.contract import TrainPlan

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    items: list[T]
    next: str | None


class Client:
    """A service at a URL, with a key where it asks for one.

    Every method raises TuneGateError: the service's problem with its code, or `service_unreachable`. What only reads,
    and what carries an Idempotency-Key, is sent again after 429, 503 and broken connections.
    """

    def __init__(self, url: str, api_key: str | None = None, *, retries: Retries | None = None) -> None:
        """Connect to nothing yet."""
        self.connection = Connection(url, api_key, retries=retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connections."""
        self.connection.close()

    def upload_dataset(self, file: Path, *, target: str, bring: bool = True, **query: str) -> Dataset:
        """Store a JSONL file; the query is that of POST /v1/datasets.

        What `tunegate synth` left beside it (NAME.synth.json, NAME.provenance.jsonl) is brought first, and named as
        `synth` unless the query does; where that is refused nothing is stored. Without `bring` the dataset is stored as
        one of which nothing is known.
        """
        if bring and "synth" not in query:
            try:
                kept = self.bring_synthesis(file)
            except TuneGateError as error:
                error.remedy = f"{error.remedy} Or bring=False: the dataset then does not say which rows a model wrote."
                raise
            if kept is not None:
                query["synth"] = ",".join(kept.synth)
        return _record(self.connection.upload("/v1/datasets", file, target=target, **query), Dataset)

    def bring_synthesis(self, file: Path) -> SynthKept | None:
        """Keep what stands beside a file of rows that syntheses wrote; None where nothing does."""
        name = file.name.removesuffix(".jsonl")
        beside = [file.with_name(f"{name}.synth.json"), file.with_name(f"{name}.provenance.jsonl")]
        if not all(one.is_file() for one in beside):
            return None
        content = b"\n".join(one.read_bytes() for one in beside)
        headers = {"Content-Type": "application/jsonl"}
        answer = self.connection.content("POST", "/v1/synth/records", content=content, headers=headers)
        return _record(msgspec.json.decode(answer), SynthKept)

    def dataset(self, identifier: str) -> Dataset:
        return self._get(f"/v1/datasets/{identifier}", Dataset)

    def delete_dataset(self, identifier: str) -> None:
        self.connection.delete(f"/v1/datasets/{identifier}")

    def decide(self, facts: Mapping[str, Any], **body: Any) -> Decision:
        """A decision; `answer` is null while facts are missing."""
        return self._post("/v1/decisions", {"facts": facts} | body, Decision)

    def decision(self, identifier: str) -> Decision:
        return self._get(f"/v1/decisions/{identifier}", Decision)

    def estimate(self, model: str | Mapping[str, Any], **body: Any) -> list[Estimate]:
        """Estimates of every technique, or of those in `techniques`."""
        found = self.connection.post("/v1/estimates", {"model": model} | body)
        if "estimates" in found:
            return _record(found, EstimateSet).estimates
        return [_record(found, Estimate)]

    def plan(self, dataset_id: str, **body: Any) -> TrainPlan:
        """A plan with its blockers; nothing is spent."""
        return self._post("/v1/plans", {"dataset_id": dataset_id} | body, TrainPlan)

    def stored_plan(self, identifier: str) -> TrainPlan:
        return self._get(f"/v1/plans/{identifier}", TrainPlan)

    def launch(self, plan_id: str, *, idempotency_key: str | None = None) -> Job:
        """Queue a job; the key is made where none is given, so that a repeated request is one job."""
        return self._keyed("/v1/jobs", {"plan_id": plan_id}, Job, idempotency_key)

    def job(self, identifier: str) -> Job:
        return self._get(f"/v1/jobs/{identifier}", Job)

    def jobs(self) -> Iterator[Job]:
        """Every job in order of submission."""
        return self._every("/v1/jobs", Page[Job])

    def job_events(self, identifier: str, *, after: str | None = None) -> Iterator[Event]:
        """What happens to a job until it ends, also over a restart of the service."""
        return self.connection.events(f"/v1/jobs/{identifier}/events", after=after)

    def job_logs(self, identifier: str) -> str:
        return self.connection.text(f"/v1/jobs/{identifier}/logs")

    def cancel_job(self, identifier: str) -> Job:
        return self._post(f"/v1/jobs/{identifier}/cancel", None, Job)

    def pause_job(self, identifier: str) -> Job:
        """Halt a job whose target can; its state says when that has come."""
        return self._post(f"/v1/jobs/{identifier}/pause", None, Job)

    def resume_job(self, identifier: str) -> Job:
        return self._post(f"/v1/jobs/{identifier}/resume", None, Job)

    def artifacts(self, identifier: str) -> Artifacts:
        """What a job made, one by one; of a hosted model its ids and metrics."""
        return self._get(f"/v1/jobs/{identifier}/artifacts", Artifacts)

    def manifest(self, identifier: str) -> Manifest:
        return self._get(f"/v1/jobs/{identifier}/manifest", Manifest)

    def fetch_artifact(self, identifier: str, folder: Path) -> list[Path]:
        """A job's artifact as files, each held against its sha256; files that are there already are not fetched."""
        return fetch_artifact(self.connection, identifier, self.manifest(identifier), folder)

    def fetch_zip(self, identifier: str, target: Path) -> None:
        """A job's artifact as one zip, complete or absent."""
        fetch_whole(self.connection, f"/v1/jobs/{identifier}/artifact", target)

    def evaluate(self, *, idempotency_key: str | None = None, **body: Any) -> EvaluationJob:
        """Queue an evaluation; the body is that of POST /v1/evaluations."""
        return self._keyed("/v1/evaluations", body, EvaluationJob, idempotency_key)

    def evaluation(self, identifier: str) -> EvaluationJob:
        return self._get(f"/v1/evaluations/{identifier}", EvaluationJob)

    def evaluations(self) -> Iterator[EvaluationJob]:
        """Every evaluation in order of submission, without their records."""
        return self._every("/v1/evaluations", Page[EvaluationJob])

    def evaluation_events(self, identifier: str, *, after: str | None = None) -> Iterator[Event]:
        """What happens to an evaluation until it ends."""
        return self.connection.events(f"/v1/evaluations/{identifier}/events", after=after)

    def cancel_evaluation(self, identifier: str) -> EvaluationJob:
        return self._post(f"/v1/evaluations/{identifier}/cancel", None, EvaluationJob)

    def delete_evaluation(self, identifier: str) -> None:
        self.connection.delete(f"/v1/evaluations/{identifier}")

    def synthesize(self, kind: str, *, idempotency_key: str | None = None, **body: Any) -> SynthJob:
        """Have rows written, `coverage` of documents or `personas`; the body is that of POST /v1/synth."""
        return self._keyed("/v1/synth", {"kind": kind} | body, SynthJob, idempotency_key)

    def synthesis(self, identifier: str) -> SynthJob:
        return self._get(f"/v1/synth/{identifier}", SynthJob)

    def syntheses(self) -> Iterator[SynthJob]:
        """Every synthesis in order of submission, without their records."""
        return self._every("/v1/synth", Page[SynthJob])

    def synthesis_events(self, identifier: str, *, after: str | None = None) -> Iterator[Event]:
        """What happens to a synthesis until it ends."""
        return self.connection.events(f"/v1/synth/{identifier}/events", after=after)

    def synthesis_origins(self, identifier: str) -> list[RowProvenance]:
        """Where each of its rows comes from, in their order."""
        lines = self.connection.content("GET", f"/v1/synth/{identifier}/provenance").splitlines()
        return [_record(msgspec.json.decode(line), RowProvenance) for line in lines]

    def cancel_synthesis(self, identifier: str) -> SynthJob:
        return self._post(f"/v1/synth/{identifier}/cancel", None, SynthJob)

    def delete_synthesis(self, identifier: str) -> None:
        self.connection.delete(f"/v1/synth/{identifier}")

    def create_monitor(self, name: str, **body: Any) -> Monitor:
        """Watch an evaluation, or data, again and again; the body is that of POST /v1/monitors."""
        return self._post("/v1/monitors", {"name": name} | body, Monitor)

    def monitor(self, identifier: str) -> Monitor:
        return self._get(f"/v1/monitors/{identifier}", Monitor)

    def monitors(self) -> Iterator[Monitor]:
        """The project's monitors, the oldest first."""
        return self._every("/v1/monitors", Page[Monitor])

    def monitor_runs(self, identifier: str) -> Iterator[MonitorRun]:
        """The runs of a monitor, the oldest first, without their records."""
        return self._every(f"/v1/monitors/{identifier}/runs", Page[MonitorRun])

    def monitor_run(self, identifier: str, run: str) -> MonitorRun:
        return self._get(f"/v1/monitors/{identifier}/runs/{run}", MonitorRun)

    def delete_monitor(self, identifier: str) -> None:
        self.connection.delete(f"/v1/monitors/{identifier}")

    def plan_deployment(self, job_id: str, **body: Any) -> DeploymentPlan:
        """What putting a job's model into service makes and costs; nothing is made."""
        return self._post("/v1/deployments/plan", {"job_id": job_id} | body, DeploymentPlan)

    def deploy(self, job_id: str, *, idempotency_key: str | None = None, **body: Any) -> Deployment:
        """Put a job's model into service; the body is that of POST /v1/deployments."""
        return self._keyed("/v1/deployments", {"job_id": job_id} | body, Deployment, idempotency_key)

    def deployment(self, identifier: str) -> Deployment:
        return self._get(f"/v1/deployments/{identifier}", Deployment)

    def deployments(self) -> Iterator[Deployment]:
        """Every deployment in the order in which they were asked for."""
        return self._every("/v1/deployments", Page[Deployment])

    def undeploy(self, identifier: str) -> Deployment:
        """Ask for the end of a deployment; its state says when nothing is left."""
        return _record(self.connection.removed(f"/v1/deployments/{identifier}"), Deployment)

    def create_webhook(self, url: str, *, events: Sequence[str] | None = None) -> NewWebhook:
        """Tell an address what ends; the secret is in this answer and in no other."""
        body = {"url": url} | ({} if events is None else {"events": list(events)})
        return self._post("/v1/webhooks", body, NewWebhook)

    def webhook(self, identifier: str) -> Webhook:
        return self._get(f"/v1/webhooks/{identifier}", Webhook)

    def webhooks(self) -> Iterator[Webhook]:
        """The project's webhooks, the oldest first."""
        return self._every("/v1/webhooks", Page[Webhook])

    def ping_webhook(self, identifier: str) -> WebhookDelivery:
        return self._post(f"/v1/webhooks/{identifier}/ping", None, WebhookDelivery)

    def webhook_deliveries(self, identifier: str) -> Iterator[WebhookDelivery]:
        """Messages to a webhook and how they went, the oldest first."""
        return self._every(f"/v1/webhooks/{identifier}/deliveries", Page[WebhookDelivery])

    def delete_webhook(self, identifier: str) -> None:
        self.connection.delete(f"/v1/webhooks/{identifier}")

    def _get(self, path: str, kind: type[T]) -> T:
        return _record(self.connection.get(path), kind)

    def _post(self, path: str, body: object, kind: type[T]) -> T:
        return _record(self.connection.post(path, body), kind)

    def _keyed(self, path: str, body: object, kind: type[T], key: str | None) -> T:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return _record(self.connection.post(path, body, headers=headers), kind)

    def _every(self, path: str, kind: type[Page[T]]) -> Iterator[T]:
        cursor: str | None = ""
        while cursor is not None:
            page = _record(self.connection.get(path, **({"cursor": cursor} if cursor else {})), kind)
            yield from page.items
            cursor = page.next


def _record(answer: object, kind: type[T]) -> T:
    """An answer as the record that it is."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        detail = f"The service's answer is no {kind.__name__} of this version ({error})."
        raise TuneGateError("environment", detail, remedy="Use the client of the service's version.") from error
