"""From a job that succeeded to what its target is sent to put its model into service."""

from __future__ import annotations

from datetime import UTC, datetime

from service.advisor.knowledge import load_knowledge
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.estimate.machines import azure_machines
from service.estimate.services import service_prices
from service.launch.targets.azure_ml.endpoint_plan import endpoint_order, machine_of
from service.launch.targets.azure_ml.plan import Machine
from service.launch.targets.azure_ml.settings import azure_ml_settings
from service.launch.targets.azure_openai.deployment_plan import deployment_order, tier_of
from service.launch.targets.azure_openai.offers import offer_for
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, azure_openai_settings
from service.launch.targets.deployable import DeploymentOrder, DeployRequest
from service.launch.targets.kaito import plan as kaito_plan
from service.launch.targets.kaito import serving_plan
from service.launch.targets.kaito.settings import KAITO
from service.launch.targets.registry import AZURE_ML
from service.settings import Settings
from service.verbs.planning.machine import rented_machine


def order_for(request: DeployRequest, *, rules: RuleFiles, settings: Settings) -> DeploymentOrder:
    """What the job's target would be sent; nothing is sent, and nobody is asked.

    Raises:
        TuneGateError: `target_cannot`, `target_not_configured`, `invalid_input`.
    """
    target = request.plan.target
    if target == AZURE_ML:
        return _azure_ml(request, rules, settings)
    if target == KAITO:
        return _kaito(request, rules)
    if target == AZURE_OPENAI:
        return _azure_openai(request, rules, settings)
    errors = [ErrorItem("target", target, f"{AZURE_ML}, {AZURE_OPENAI}, {KAITO}")]
    raise TuneGateError("target_cannot", f"This version does not deploy on {target!r}.", errors=errors)


def _kaito(request: DeployRequest, rules: RuleFiles) -> DeploymentOrder:
    row = rented_machine(serving_plan.machine_of(request), KAITO, rules)
    machine = kaito_plan.Machine(id=row.id, gpus=row.gpus, vcpu=row.vcpu, usd_per_hour=row.usd_per_hour)
    return serving_plan.serving_order(request, machine)


def _azure_openai(request: DeployRequest, rules: RuleFiles, settings: Settings) -> DeploymentOrder:
    """In the resource that tuned it, at the hourly price of the tier, which is the same for every model."""
    where = azure_openai_settings(settings)
    found = offer_for(request.plan.model, load_knowledge(rules).models)
    row = found[1] if found is not None else None
    until = row.deployable_until if row is not None else None
    if row is not None and until is not None and until < datetime.now(UTC).date():
        detail = f"A tuned {row.model} cannot be deployed since {until} ({', '.join(row.cite)}, as of {row.as_of})."
        raise TuneGateError("target_cannot", detail, remedy="Tune a model that is still served.")
    tier = tier_of(request)
    mine = [one for one in service_prices(rules) if one.service == AZURE_OPENAI and (one.tier or "").startswith(tier)]
    price = next((one.hosting for one in mine if one.hosting is not None), None)
    return deployment_order(request, where, row, usd_per_hour=price)


def _azure_ml(request: DeployRequest, rules: RuleFiles, settings: Settings) -> DeploymentOrder:
    """On any machine of Azure; the price is null for one that the rules have no row of."""
    size = machine_of(request)
    row = next((one for one in azure_machines(rules) if one.id == size), None)
    price = row.usd_per_hour if row is not None else None
    machine = Machine(id=size, gpus=row.gpus if row is not None else 0, usd_per_hour=price)
    return endpoint_order(request, machine, serving_image=azure_ml_settings(settings).serving_image)
