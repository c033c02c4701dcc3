"""Webhooks: who is told of what, what they are told, and how each telling went."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.deployment import Deployment
from service.records.evaluation_job import EvaluationJob
from service.records.job import Job
from service.records.synth_job import SynthJob

EndType = Literal[
    "job.succeeded", "job.failed", "job.cancelled",
    "evaluation.succeeded", "evaluation.failed", "evaluation.cancelled", "drift.detected",
    "synthesis.succeeded", "synthesis.failed", "synthesis.cancelled",
    "deployment.ready", "deployment.failed", "deployment.deleted",
]  # fmt: skip
# a ping is sent to who asks for it, and to nobody else
MessageType = Literal[EndType, "webhook.ping"]
Outcome = Literal[
    "delivered", "gone", "redirected", "refused", "server_error", "timeout", "unreachable", "tls_failed",
    "address_refused", "unsigned", "disabled",
]  # fmt: skip


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told when something of its project ends.

    Messages are signed as the Standard Webhooks specification says (standardwebhooks.com). `disabled` says why nothing
    is sent any more: `gone` (it answered 410) or `failing` (it took nothing during all tries of a message).
    """

    schema: Literal["tunegate.webhook/1"] = "tunegate.webhook/1"
    id: str
    url: str
    events: list[EndType]
    state: Literal["active", "disabled"] = "active"
    disabled: Literal["gone", "failing"] | None = None
    secrets: list[WebhookSecret]
    created_at: str


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One of the secrets that messages are signed with, without the secret; several while they are exchanged."""

    made_at: str
    expires_at: str | None = None


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook with the secret that was just made: the only time that it is shown."""

    secret: str


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one webhook: `id` is its webhook-id, the same at every try.

    `next_try_at` is null once it was delivered or given up; a try that was cut off (a killed service) is repeated and
    not counted.
    """

    id: str
    type: MessageType
    state: Literal["pending", "delivered", "failed"]
    tries: int
    created_at: str
    next_try_at: str | None
    last_try: WebhookTry | None


class WebhookTry(msgspec.Struct, frozen=True):
    """How a try went: `status` is what the receiver answered, null where it answered nothing."""

    at: str
    outcome: Outcome
    status: int | None


class JobEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `job.*`: ids, states and codes as the job has them, never text."""

    project: str
    id: str
    plan: str
    state: str
    gate: str | None
    error_code: str | None


class EvaluationEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `evaluation.*`; `evaluation_id` names the record."""

    project: str
    id: str
    state: str
    evaluation_id: str | None
    error_code: str | None


class SynthesisEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `synthesis.*`; `synth_id` names the record, `dataset_id` its rows, null where none stayed."""

    project: str
    id: str
    state: str
    synth_id: str | None
    dataset_id: str | None
    error_code: str | None


class DeploymentChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `deployment.*`: it answers, or nothing of it is left on its target."""

    project: str
    id: str
    job: str
    target: str
    state: str
    error_code: str | None


class DriftDetected(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `drift.detected`: ids, and the rules that say so (`tunegate explain ID`).

    Of a monitor of data `dataset_id` names the dataset that drifted, and `evaluation_id` is null.
    `redecision_id` names what the last decision would be now; `changes_answer` is null where none was made.
    """

    project: str
    monitor: str
    run: str
    drift_id: str
    evaluation_id: str | None
    dataset_id: str | None
    rules: list[str]
    redecision_id: str | None
    changes_answer: bool | None


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `webhook.ping`."""

    project: str
    webhook: str


class JobMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told of a job; `timestamp` is when it happened."""

    type: Literal["job.succeeded", "job.failed", "job.cancelled"]
    timestamp: str
    data: JobEnded


class EvaluationMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told of an evaluation."""

    type: Literal["evaluation.succeeded", "evaluation.failed", "evaluation.cancelled"]
    timestamp: str
    data: EvaluationEnded


class SynthesisMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told of a synthesis."""

    type: Literal["synthesis.succeeded", "synthesis.failed", "synthesis.cancelled"]
    timestamp: str
    data: SynthesisEnded


class DeploymentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told of a deployment."""

    type: Literal["deployment.ready", "deployment.failed", "deployment.deleted"]
    timestamp: str
    data: DeploymentChanged


class DriftMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told of a monitor that found drift."""

    type: Literal["drift.detected"]
    timestamp: str
    data: DriftDetected


class PingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told when somebody wants to see whether it is there."""

    type: Literal["webhook.ping"]
    timestamp: str
    data: Ping


def job_ended(project: str, job: Job) -> tuple[str, JobEnded]:
    """(type, data) of a job that has ended."""
    code = None if job.error is None else job.error.code
    data = JobEnded(project=project, id=job.id, plan=job.plan, state=job.state, gate=job.gate, error_code=code)
    return f"job.{job.state}", data


def evaluation_ended(project: str, job: EvaluationJob) -> tuple[str, EvaluationEnded]:
    """(type, data) of an evaluation that has ended."""
    code = None if job.error is None else job.error.code
    data = EvaluationEnded(
        project=project, id=job.id, state=job.state, evaluation_id=job.evaluation_id, error_code=code
    )
    return f"evaluation.{job.state}", data


def synthesis_ended(project: str, job: SynthJob) -> tuple[str, SynthesisEnded]:
    """(type, data) of a synthesis that has ended."""
    code = None if job.error is None else job.error.code
    data = SynthesisEnded(
        project=project, id=job.id, state=job.state, synth_id=job.synth_id, dataset_id=job.dataset_id, error_code=code
    )
    return f"synthesis.{job.state}", data


def deployment_changed(project: str, one: Deployment) -> tuple[str, DeploymentChanged]:
    """(type, data) of a deployment that answers, or of which nothing is left."""
    code = None if one.error is None else one.error.code
    data = DeploymentChanged(
        project=project, id=one.id, job=one.plan.job, target=one.plan.target, state=one.state, error_code=code
    )
    return f"deployment.{one.state}", data
