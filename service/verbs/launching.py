"""From a plan to what a target is sent: the launch plan, and its forms for hand use."""

from __future__ import annotations

from pathlib import Path

from service import __version__
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.targets.azure_ml.emit import az_ml, script
from service.launch.targets.azure_ml.plan import Machine, launch_plan
from service.launch.targets.azure_ml.settings import azure_ml_settings
from service.launch.targets.azure_openai import emit as openai_emit
from service.launch.targets.azure_openai import plan as openai_plan
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, azure_openai_settings
from service.launch.targets.azure_serverless import emit as serverless_emit
from service.launch.targets.azure_serverless import plan as serverless_plan
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, azure_serverless_settings
from service.launch.targets.capabilities import require_onnx
from service.launch.targets.kaito import emit as kaito_emit
from service.launch.targets.kaito import plan as kaito_plan
from service.launch.targets.kaito.presets import presets
from service.launch.targets.kaito.settings import KAITO, kaito_settings
from service.launch.targets.offering import Offer
from service.launch.targets.registry import built
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.models.hub import HUB_ID
from service.settings import Settings
from service.verbs.planning.machine import AZURE_ML, azure_machine, rented_machine
from service.verbs.planning.managed import launch_offer
from trainers.contract import TrainPlan

_BY_HAND = "by-hand"


def launch_plan_for(
    plan: TrainPlan,
    *,
    key: str,
    dataset: Path,
    validation: Path | None,
    model: Path,
    rules: RuleFiles,
    settings: Settings,
) -> LaunchPlan:
    """What the plan's target will be sent; nothing is sent.

    Raises:
        TuneGateError: `target_cannot`, `target_not_configured`.
    """
    built(plan.target, rules)
    if plan.target == KAITO:
        made = _kaito(plan, key=key, dataset=dataset, rules=rules, settings=settings)
        return made if key == _BY_HAND else _fetchable(made)
    if plan.target in {AZURE_OPENAI, AZURE_SERVERLESS}:
        request = LaunchRequest(
            plan=plan, key=key, trainer_version=__version__, dataset=dataset, validation=validation, model=None
        )
        return _managed(request, launch_offer(plan, settings, rules), settings)
    if plan.target != AZURE_ML:
        raise TuneGateError("target_cannot", f"{plan.target}: nothing is sent anywhere.", remedy="Run it here.")
    where = azure_ml_settings(settings)
    row = azure_machine(where, rules)
    if plan.processes % where.instance_count:
        allowed = f"a multiple of {where.instance_count}, the machines of azure-ml.instance_count"
        errors = [ErrorItem("processes", str(plan.processes), allowed, "Each machine runs as many of them.")]
        raise TuneGateError("target_cannot", "The processes cannot be shared out evenly.", errors=errors)
    by_name = plan.allow_download and plan.model_revision is not None and HUB_ID.fullmatch(plan.model) is not None
    request = LaunchRequest(
        plan=plan,
        key=key,
        trainer_version=__version__,
        dataset=dataset,
        validation=validation,
        model=None if by_name else model,
    )
    machine = Machine(id=row.id, gpus=row.gpus, vcpu=row.vcpu, usd_per_hour=row.usd_per_hour, region=row.region)
    return launch_plan(request, where, machine, model_is_hub_name=by_name)


def emitted(
    format_: str, plan: TrainPlan, *, dataset: Path, validation: Path | None, model: Path, rules: RuleFiles,
    settings: Settings,
) -> str:  # fmt: skip
    """The plan in the target's own form.

    Raises:
        TuneGateError: `target_cannot` for a form that the target does not have.
    """
    allowed = built(plan.target, rules).emits
    if format_ not in allowed:
        shown = ", ".join(allowed) or "none: it runs here"
        errors = [ErrorItem("emit", format_, shown)]
        raise TuneGateError("target_cannot", f"Target {plan.target!r} has no form {format_!r}.", errors=errors)
    # nobody fetches what is launched by hand
    require_onnx(plan.target, list(plan.outputs.onnx), rules)
    made = launch_plan_for(
        plan, key=_BY_HAND, dataset=dataset.absolute(), validation=validation.absolute() if validation else None,
        model=model, rules=rules, settings=settings,
    )  # fmt: skip
    if plan.target == KAITO:
        return kaito_emit.kaito(made, kaito_settings(settings))
    if plan.target == AZURE_OPENAI:
        return openai_emit.script(made, azure_openai_settings(settings))
    if plan.target == AZURE_SERVERLESS:
        return serverless_emit.az_ml(made, azure_serverless_settings(settings))
    write = {"az-ml": az_ml, "script": script}[format_]
    return write(made, azure_ml_settings(settings))


def _managed(request: LaunchRequest, offer: Offer, settings: Settings) -> LaunchPlan:
    if request.plan.target == AZURE_OPENAI:
        where = azure_openai_settings(settings)
        return openai_plan.launch_plan(request, where, model=offer.wire, warnings=offer.warnings)
    return serverless_plan.launch_plan(request, azure_serverless_settings(settings), warnings=offer.warnings)


def _kaito(plan: TrainPlan, *, key: str, dataset: Path, rules: RuleFiles, settings: Settings) -> LaunchPlan:
    where = kaito_settings(settings)
    row = rented_machine(where.instance_type, KAITO, rules)
    machine = kaito_plan.Machine(id=row.id, gpus=row.gpus, vcpu=row.vcpu, usd_per_hour=row.usd_per_hour)
    request = LaunchRequest(
        plan=plan, key=key, trainer_version=__version__, dataset=dataset, validation=None, model=None
    )
    return kaito_plan.launch_plan(request, where, machine, presets(rules))


def _fetchable(made: LaunchPlan) -> LaunchPlan:
    """Refuse what could be launched and never be brought back."""
    claim = made.manifest["where"]["output_claim"]
    if claim:
        seen, allowed = f"claim {claim}", "kaito.output_image and kaito.output_push_secret"
        why = "A claim's files can be read in the cluster alone. By hand it works: tunegate plan --emit kaito."
        errors = [ErrorItem("kaito.output_claim", seen, allowed, why)]
        raise TuneGateError("target_cannot", "tunegate cannot fetch an adapter from a claim.", errors=errors)
    return made
