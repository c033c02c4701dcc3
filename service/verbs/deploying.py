"""From a job that succeeded to what its target is sent to put its model into service."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.estimate.machines import azure_machines
from service.launch.targets.azure_ml.endpoint_plan import endpoint_order, machine_of
from service.launch.targets.azure_ml.plan import Machine
from service.launch.targets.azure_ml.settings import azure_ml_settings
from service.launch.targets.deployable import DeploymentOrder, DeployRequest
from service.launch.targets.registry import AZURE_ML
from service.settings import Settings


def order_for(request: DeployRequest, *, rules: RuleFiles, settings: Settings) -> DeploymentOrder:
    """What the job's target would be sent; nothing is sent, and nobody is asked.

    Raises:
        TuneGateError: `target_cannot`, `target_not_configured`, `invalid_input`.
    """
    target = request.plan.target
    if target == AZURE_ML:
        return _azure_ml(request, rules, settings)
    errors = [ErrorItem("target", target, AZURE_ML)]
    raise TuneGateError("target_cannot", f"This version does not deploy on {target!r}.", errors=errors)


def _azure_ml(request: DeployRequest, rules: RuleFiles, settings: Settings) -> DeploymentOrder:
    """On any machine of Azure; the price is null for one that the rules have no row of."""
    size = machine_of(request)
    row = next((one for one in azure_machines(rules) if one.id == size), None)
    price = row.usd_per_hour if row is not None else None
    machine = Machine(id=size, gpus=row.gpus if row is not None else 0, usd_per_hour=price)
    return endpoint_order(request, machine, serving_image=azure_ml_settings(settings).serving_image)
