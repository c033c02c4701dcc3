"""tunegate deploy: a job's model into service, once its plan was seen and agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.deployment_text import followed, plan_text, text_of
from service.cli.output import emit, interactive, output_options, pretty_json, say
from service.client import Client
from service.errors import ErrorItem, TuneGateError
from service.settings import load_settings

_RESTS = frozenset({"ready", "failed", "deleted"})
_STANDS = "none"


@click.command("deploy")
@click.argument("job")
@click.option("--ttl", metavar="HOURS", help="Removed after so many hours (24); `none`: it stands until undeployed.")
@click.option("--min-instances", type=click.IntRange(min=1), help="The fewest machines, which are always billed.")
@click.option("--max-instances", type=click.IntRange(min=1), help="The most machines under load.")
@click.option("--instance-type", metavar="SIZE", help="The machines' size; as the job was planned where not given.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="A further option of the target.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its costs; make nothing.")
@click.option("--yes", is_flag=True, help="Agree to the plan without being asked.")
@click.option("--no-wait", is_flag=True, help="Return once it is asked for, not once it answers.")
@output_options()
def command(job: str, format_: str, output: Path | None, *, no_input: bool, **given: Any) -> int:
    """Put a job's model into service on its target (TUNEGATE_URL, TUNEGATE_API_KEY).

    The plan with its costs is shown first; nothing is made before it is agreed to, at the terminal or by --yes.
    """
    settings = load_settings()
    client = Client(settings.url, settings.api_key)
    body = _body(given)
    plan = client.plan_deployment(job, **body)
    if given["dry_run"]:
        emit(pretty_json(plan) if format_ == "json" else plan_text(plan), output)
        return 0
    say(plan_text(plan))
    if not given["yes"]:
        _require_agreed(format_, no_input=no_input)
    one = client.deploy(job, **body, plan_id=plan.id)
    if not given["no_wait"]:
        one = followed(client, one, until=_RESTS)
    emit(pretty_json(one) if format_ == "json" else text_of(one), output)
    return 1 if one.state in {"failed", "deleted"} else 0


def _require_agreed(format_: str, *, no_input: bool) -> None:
    if not interactive(format_, no_input=no_input):
        raise TuneGateError("usage", "Nobody agreed to the plan; nothing was made.", remedy="Add --yes, or --dry-run.")
    if not click.confirm("Make it?", default=False, err=True):
        raise TuneGateError("interrupted", "Nothing was made.")


def _body(given: dict[str, Any]) -> dict[str, Any]:
    names = ("min_instances", "max_instances", "instance_type")
    options: dict[str, Any] = {name: given[name] for name in names if given[name] is not None}
    for one in given["options"]:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise TuneGateError("usage", "Unusable --option.", errors=[ErrorItem("--option", one, "NAME=VALUE")])
        options[name.replace("-", "_")] = value
    body: dict[str, Any] = {"options": options}
    return body if given["ttl"] is None else body | {"ttl_hours": _hours(given["ttl"])}


def _hours(given: str) -> float | None:
    if given == _STANDS:
        return None
    try:
        hours = float(given)
    except ValueError:
        hours = 0.0
    if not hours > 0:
        errors = [ErrorItem("--ttl", given, f"hours above 0, or {_STANDS}")]
        raise TuneGateError("usage", "Unusable --ttl.", errors=errors)
    return hours
