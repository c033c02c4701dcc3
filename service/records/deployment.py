"""A tuned model in service: what is planned before anything is spent, what stands there, and how it came to its end."""

from __future__ import annotations

from typing import Literal

import msgspec

DeploymentState = Literal[
    "planned", "creating", "smoke_testing", "ready", "failed", "deleting", "deleted", "unknown"
]  # fmt: skip
# nothing of it is left on the target
GONE: frozenset[str] = frozenset({"failed", "deleted"})


class DeploymentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment would make and cost; planning makes nothing and asks nobody.

    `id` is a sha256 over everything that will be sent, so that what is made is what was shown. `name` is what stands
    there; the same job with the same options has the same. `usd_per_hour` is for the fewest instances,
    `most_usd_per_hour` for the most, `most_usd` for the most until `ttl_hours` end it; null where it is not known, and
    `warnings` say why.
    """

    schema: Literal["tunegate.deployment-plan/1"] = "tunegate.deployment-plan/1"
    id: str
    job: str
    target: str
    name: str
    # what will be made there, a line each
    makes: list[str]
    machine: str | None = None
    min_instances: int | None = None
    max_instances: int | None = None
    usd_per_hour: float | None
    most_usd_per_hour: float | None
    most_usd: float | None
    # null: it stands until it is removed
    ttl_hours: float | None
    warnings: list[str] = []


class DeploymentMoment(msgspec.Struct, frozen=True):
    """When a state was entered."""

    state: DeploymentState
    at: str


class DeploymentError(msgspec.Struct, frozen=True):
    """Why it failed, or what keeps it from being removed."""

    code: str
    detail: str
    remedy: str


class SmokeTest(msgspec.Struct, frozen=True):
    """The one real request after it was made: how long it took and what kind of answer came, never its words."""

    at: str
    seconds: float
    seen: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A tuned model in service, by its plan.

    `status` is the target's own word. `cost` is USD so far for the fewest instances, from `billed_from`, when machines
    were first seen there. A deployment that fails is removed there before it is said to have failed.
    """

    schema: Literal["tunegate.deployment/1"] = "tunegate.deployment/1"
    id: str
    plan: DeploymentPlan
    state: DeploymentState
    status: str | None = None
    url: str | None = None
    smoke: SmokeTest | None = None
    expires_at: str | None = None
    billed_from: str | None = None
    billed_until: str | None = None
    cost: float | None = None
    error: DeploymentError | None = None
    timeline: list[DeploymentMoment] = []
