"""Deployments for people: what would be made and cost, and how one stands."""

from __future__ import annotations

import time

from service.cli.output import say
from service.client import Client
from service.records.deployment import Deployment, DeploymentPlan

_LOOK_SECONDS = 1.0
_RESTING = {"ready", "failed", "deleted"}


def plan_text(plan: DeploymentPlan) -> str:
    """One screen: what will be made, how many machines, what an hour costs, and when it ends."""
    bounds = ""
    if plan.min_instances is not None:
        bounds = f", {plan.min_instances} to {plan.max_instances} x {plan.machine}"
    lines = [f"deployment {plan.name} on {plan.target} of job {plan.job}{bounds}"]
    lines += [f"  makes {line}" for line in plan.makes]
    lines.append(f"  costs {_rate(plan)}")
    lines.append(f"  removed after {plan.ttl_hours:g} h" if plan.ttl_hours is not None else "  stands until undeployed")
    lines += [f"  warning: {line}" for line in plan.warnings]
    return "\n".join(lines)


def line_of(one: Deployment) -> str:
    """One line of a list."""
    cost = f"  {one.cost:.2f} USD so far" if one.cost is not None else ""
    return f"{one.id}  {one.state:<13} {one.plan.target}/{one.plan.name}  job {one.plan.job}{cost}"


def text_of(one: Deployment) -> str:
    """One deployment as it stands."""
    lines = [line_of(one), *(f"  {moment.at} {moment.state}" for moment in one.timeline)]
    if one.url:
        lines.append(f"  {one.url}")
    if one.smoke:
        lines.append(f"  smoke test: {one.smoke.seen} in {one.smoke.seconds:g} s")
    if one.expires_at and one.state not in _RESTING - {"ready"}:
        lines.append(f"  removed at {one.expires_at}")
    if one.error:
        lines.append(f"  {one.error.code}: {one.error.detail} {one.error.remedy}")
    return "\n".join(lines)


def followed(client: Client, one: Deployment, *, until: frozenset[str]) -> Deployment:
    """Look until a state is reached that rests, or one of `until`; each change is told on the way."""
    seen = 0
    while True:
        for moment in one.timeline[seen:]:
            say(f"{moment.at} {moment.state}")
        seen = len(one.timeline)
        if one.state in until:
            return one
        time.sleep(_LOOK_SECONDS)
        one = client.deployment(one.id)


def _rate(plan: DeploymentPlan) -> str:
    if plan.usd_per_hour is None:
        return "unknown: see the warnings"
    most = plan.most_usd_per_hour
    hourly = f"{plan.usd_per_hour:g} USD an hour"
    if most is not None and most != plan.usd_per_hour:
        hourly = f"{plan.usd_per_hour:g} to {most:g} USD an hour"
    return hourly + (f", at most {plan.most_usd:g} USD until it is removed" if plan.most_usd is not None else "")
