"""deployments: put a tuned model into service, show what that costs before anything is spent, and take it out again."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Annotated, Any

import msgspec

from service.clock import later, now
from service.errors import TuneGateError
from service.jobs.standing import enter
from service.launch.targets.deployable import DeploymentOrder, DeployRequest
from service.launch.targets.target import LaunchPlan, RemoteRef
from service.records.access import Deed
from service.records.deployment import GONE, Deployment, DeploymentMoment, DeploymentPlan
from service.records.job import Job
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.verbs.deploying import order_for
from trainers.contract import TrainPlan

TTL_HOURS, LEAST_TTL_HOURS, MOST_TTL_HOURS = 24.0, 0.1, 8_760.0
_SECONDS_PER_HOUR = 3600
Ttl = Annotated[float, msgspec.Meta(ge=LEAST_TTL_HOURS, le=MOST_TTL_HOURS)]


class DeploymentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/deployments` and `POST /v1/deployments/plan`.

    `ttl_hours` null: it stands until it is removed. `options` are the target's own. With `plan_id`, only what that plan
    showed is made.
    """

    job_id: str
    ttl_hours: Ttl | None = TTL_HOURS
    options: dict[str, Any] = {}
    plan_id: str | None = None


class DeploymentList(msgspec.Struct, frozen=True):
    """A page of deployments; `next` is the cursor of the page after it."""

    items: list[Deployment]
    next: str | None


def plan(context: Context, request: DeploymentRequest) -> DeploymentPlan:
    """What would be made and what it costs; nothing is made, and nobody is asked.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, `target_cannot`, `target_not_configured`, `invalid_input`.
    """
    return _order(context, request).plan


async def deploy(context: Context, request: DeploymentRequest, *, idempotency_key: str | None) -> Deployment:
    """Put a job's model into service; the same key, or the same plan while it stands, is the same deployment.

    Raises:
        TuneGateError: as `plan`, and `plan_changed` where it is not what `plan_id` showed, `key_reused`.
    """
    order = await asyncio.to_thread(_order, context, request)
    if request.plan_id is not None and request.plan_id != order.plan.id:
        remedy = "Look at the new plan: POST /v1/deployments/plan."
        raise TuneGateError("plan_changed", "Settings, prices or options changed since it was shown.", remedy=remedy)
    made, new = await asyncio.to_thread(_added, context, order, idempotency_key)
    if made.plan.id != order.plan.id:
        raise TuneGateError("key_reused", "The Idempotency-Key was used for another deployment.", remedy="A new key.")
    if new or made.state == "planned":
        await context.runner.deployments.submit(made.id)
    return with_cost(made)


def undeploy(context: Context, identifier: str) -> Deployment:
    """Ask for the end; nothing is left on the target when the state says `deleted` (or `failed`).

    Raises:
        TuneGateError: `unknown_id`.
    """
    one = context.store.deployments.get(identifier)
    if one.state not in GONE and one.state != "deleting":
        deed = Deed(context.caller.actor, "deployment.deleted", {"job": one.plan.job, "target": one.plan.target})
        context.store.audit.note(deed, identifier)
        one = enter(context.store, identifier, "deleting")
    return with_cost(one)


def deployment(context: Context, identifier: str) -> Deployment:
    """A deployment as it stands, with what it has cost so far.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return with_cost(context.store.deployments.get(identifier))


def list_deployments(context: Context, *, cursor: str | None, limit: int) -> DeploymentList:
    """A page of deployments in the order in which they were asked for."""
    items, following = page_of(
        lambda after, most: context.store.deployments.page(after=after, limit=most), cursor, limit
    )
    return DeploymentList([with_cost(one) for one in items], following)


def with_cost(one: Deployment) -> Deployment:
    """USD for the fewest instances since machines were first seen."""
    rate = one.plan.usd_per_hour
    if one.billed_from is None or rate is None:
        return one
    until = datetime.fromisoformat(one.billed_until or now())
    hours = (until - datetime.fromisoformat(one.billed_from)).total_seconds() / _SECONDS_PER_HOUR
    return msgspec.structs.replace(one, cost=round(hours * rate, 4))


def _order(context: Context, request: DeploymentRequest) -> DeploymentOrder:
    job = context.store.job(request.job_id)
    if job.state != "succeeded":
        raise TuneGateError("artifact_not_ready", f"The job is {job.state}.", remedy="Wait until it has succeeded.")
    made = DeployRequest(
        job=job.id,
        plan=context.store.get("plan", job.plan, TrainPlan),
        **_launched(context, job),
        artifact=lambda: context.files.artifact(job.id),
        options=request.options,
        ttl_hours=request.ttl_hours,
    )
    return order_for(made, rules=context.rules, settings=context.settings)


def _launched(context: Context, job: Job) -> dict[str, Any]:
    launch = context.store.launches.find(job.id)
    if launch is None or launch.ref is None:
        remedy = f"It is answered here: POST /v1/jobs/{job.id}/chat/completions, or tunegate chat."
        raise TuneGateError("target_cannot", "The job ran on this machine, which deploys nowhere.", remedy=remedy)
    return {
        "launched": msgspec.json.decode(launch.plan, type=LaunchPlan),
        "ref": msgspec.json.decode(launch.ref, type=RemoteRef),
    }


def _added(context: Context, order: DeploymentOrder, key: str | None) -> tuple[Deployment, bool]:
    ttl = order.plan.ttl_hours
    made = Deployment(
        id=str(uuid.uuid4()),
        plan=order.plan,
        state="planned",
        expires_at=None if ttl is None else later(ttl * _SECONDS_PER_HOUR),
        timeline=[DeploymentMoment("planned", now())],
    )
    detail = {"job": order.plan.job, "target": order.plan.target, "usd_per_hour": order.plan.usd_per_hour}
    deed = Deed(context.caller.actor, "deployment.created", detail)
    return context.store.deployments.add(made, msgspec.json.encode(order), key, deed)
