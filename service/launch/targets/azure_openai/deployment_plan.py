"""A deployment of a tuned model in its resource, as it will be sent; pure: the same request makes the same."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.advisor.models import Availability
from service.errors import ErrorItem, TuneGateError
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.deployable import DeploymentOrder, DeployRequest, ordered
from service.launch.targets.options import options_of
from service.records.hosted import HOSTED, Hosted

# Azure's names of the tiers (microsoft/azure-skills, finetuning; DeveloperTier was never sent to the real Azure)
_SKUS = {"developer": "DeveloperTier", "standard": "Standard", "global": "GlobalStandard"}
# Azure removes a developer deployment after a day
_DEVELOPER_HOURS = 24.0
# thousands of tokens a minute; deployments of open weights take no less than 100
_CAPACITY, _OPEN_CAPACITY, _MOST_CAPACITY = 50, 100, 10_000
_OPENAI = ("gpt-4", "gpt-5", "o4")
_RESOURCE = ("subscription_id", "resource_group")


class HostingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a deployment; `capacity` in thousands of tokens a minute."""

    tier: Literal["developer", "standard", "global"] = "developer"
    capacity: int | None = None
    # null: the model of the last step; else a checkpoint's
    step: int | None = None


def tier_of(request: DeployRequest) -> str:
    """The tier that is asked for."""
    return options_of(HostingOptions, request.options, request.plan.target).tier


def deployment_order(
    request: DeployRequest, where: AzureOpenAiSettings, row: Availability | None, *, usd_per_hour: float | None
) -> DeploymentOrder:
    """The body of the ARM call; `row` is the base model's in the rules.

    Raises:
        TuneGateError: `target_not_configured`, `target_cannot`, `invalid_input`.
    """
    options = options_of(HostingOptions, request.options, request.plan.target)
    _require_resource(where)
    made = _hosted(request)
    open_weights = row is not None and not row.model.startswith(_OPENAI)
    usual = _OPEN_CAPACITY if open_weights else _CAPACITY
    capacity = usual if options.capacity is None else options.capacity
    _require_fitting(request, options, capacity, open_weights=open_weights)
    model = _model(made, options.step)
    manifest: dict[str, Any] = {
        "where": msgspec.to_builtins(where),
        "model": model,
        "body": {
            "sku": {"name": _SKUS[options.tier], "capacity": capacity},
            "properties": {
                "model": {"format": "Microsoft" if open_weights else "OpenAI", "name": model, "version": "1"}
            },
        },
    }
    warnings = ["tokens of requests are billed beside it"]
    if usd_per_hour is None:
        warnings.append(f"no_price: none was found for hosting by {options.tier}; costs are not counted")
    if options.tier == "developer":
        warnings.append("developer: no availability is promised, rows may be processed in any region, 24 hours at most")
    return ordered(
        request,
        manifest,
        makes=[f"deployment {{name}} in {where.account_name}: {model}, {_SKUS[options.tier]}, {capacity}k tokens/min"],
        usd_per_hour=usd_per_hour,
        warnings=warnings,
        poll_seconds=where.poll_seconds,
    )


def _require_resource(where: AzureOpenAiSettings) -> None:
    missing = [name for name in _RESOURCE if not getattr(where, name)]
    if missing:
        errors = [ErrorItem(f"azure-openai.{name}", "nothing", "the resource's") for name in missing]
        remedy = "Deployments are made by Azure's resource manager: say where the resource is."
        raise TuneGateError("target_not_configured", "The resource is not named.", remedy=remedy, errors=errors)


def _require_fitting(request: DeployRequest, options: HostingOptions, capacity: int, *, open_weights: bool) -> None:
    errors, ttl = [], request.ttl_hours
    if not (_OPEN_CAPACITY if open_weights else 1) <= capacity <= _MOST_CAPACITY:
        allowed = f"{_OPEN_CAPACITY if open_weights else 1} to {_MOST_CAPACITY} thousand tokens a minute"
        errors.append(ErrorItem("options.capacity", str(capacity), allowed))
    if open_weights and options.tier != "global":
        errors.append(ErrorItem("options.tier", options.tier, "global", "Open weights are hosted by no other."))
    elif options.tier == "developer" and (ttl is None or ttl > _DEVELOPER_HOURS):
        seen = "none" if ttl is None else f"{ttl:g}"
        why = "Azure removes a developer deployment after a day; tier=standard or global stands longer."
        errors.append(ErrorItem("ttl_hours", seen, f"up to {_DEVELOPER_HOURS:g}", why))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} option(s) do not fit.", errors=errors)


def _hosted(request: DeployRequest) -> Hosted:
    try:
        return msgspec.json.decode((request.artifact() / HOSTED).read_bytes(), type=Hosted)
    except (OSError, msgspec.DecodeError) as error:
        raise TuneGateError("artifact_corrupt", "The job's run folder names no hosted model.") from error


def _model(made: Hosted, step: int | None) -> str:
    steps = {one.step: one.model for one in made.checkpoints}
    if step is None:
        return made.model
    if step not in steps:
        allowed = ", ".join(map(str, sorted(steps))) or "none"
        errors = [ErrorItem("options.step", str(step), allowed)]
        raise TuneGateError("invalid_input", "No checkpoint of that step.", errors=errors)
    return steps[step]
