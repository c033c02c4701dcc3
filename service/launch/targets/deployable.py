"""What a target is asked that puts tuned models into service; planning is pure and needs none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from service.launch.targets.target import LaunchPlan, RemoteRef
from service.records.deployment import DeploymentPlan
from service.records.identity import digest
from trainers.contract import Failure, TrainPlan

_NAME_DIGITS = 12
_MOST_DIGITS = 4


class DeployRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A job that succeeded on its target, and what was asked for; `options` are the target's own, not yet read.

    `artifact` gives the finished run folder, fetched when it is called.
    """

    job: str
    plan: TrainPlan
    launched: LaunchPlan
    ref: RemoteRef
    artifact: Callable[[], Path]
    options: Mapping[str, Any]
    ttl_hours: float | None


class DeploymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown, and everything that will be sent: wire-ready, kept before the first call."""

    plan: DeploymentPlan
    manifest: dict[str, Any]
    poll_seconds: float = 30.0


class DeploymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands there; `raw` is the target's own word, `billed` whether it costs money already."""

    state: Literal["creating", "ready", "failed", "deleting"]
    raw: str
    url: str | None = None
    billed: bool = False
    error: Failure | None = None


class Deployable(Protocol):
    """A target as a deployment sees it; what it made is known by the name and the id of the plan, and is made once.

    Every call raises TuneGateError: `target_unreachable` for what may pass, anything else for what will not, and
    `remote_taken` for a name that carries another id, which is never touched.
    """

    def create(self, order: DeploymentOrder) -> DeploymentStatus:
        """Make what is missing, and say how it stands; called again and again until it is ready or failed."""
        ...

    def look(self, order: DeploymentOrder) -> DeploymentStatus | None:
        """How it stands; None when nothing of it is there any more."""
        ...

    def smoke(self, order: DeploymentOrder) -> str:
        """Ask the model once, as its users will; what kind of answer came, never its words."""
        ...

    def delete(self, order: DeploymentOrder) -> None:
        """Ask for the end of all that was made; `look` says when it is gone."""
        ...


def ordered(
    request: DeployRequest,
    manifest: dict[str, Any],
    *,
    makes: list[str],
    usd_per_hour: float | None,
    most_usd_per_hour: float | None = None,
    machine: str | None = None,
    instances: tuple[int, int] | None = None,
    warnings: list[str] | None = None,
    poll_seconds: float = 30.0,
) -> DeploymentOrder:
    """The plan that is shown with its id, its name and what it costs at most; `makes` may name it as `{name}`.

    The id covers `manifest` and what was asked for, never a clock: the same request is the same deployment.
    """
    content = {"target": request.plan.target, "job": request.job, "ttl_hours": request.ttl_hours, "manifest": manifest}
    identifier = digest(content)
    name = f"tg-{identifier[:_NAME_DIGITS]}"
    most = usd_per_hour if most_usd_per_hour is None else most_usd_per_hour
    bounded = most is not None and request.ttl_hours is not None
    plan = DeploymentPlan(
        id=identifier,
        job=request.job,
        target=request.plan.target,
        name=name,
        makes=[line.replace("{name}", name) for line in makes],
        machine=machine,
        min_instances=instances[0] if instances else None,
        max_instances=instances[1] if instances else None,
        usd_per_hour=usd_per_hour,
        most_usd_per_hour=most,
        most_usd=round(most * request.ttl_hours, _MOST_DIGITS) if bounded else None,  # type: ignore[operator]
        ttl_hours=request.ttl_hours,
        warnings=[] if warnings is None else warnings,
    )
    return DeploymentOrder(plan=plan, manifest=manifest, poll_seconds=poll_seconds)
