"""Which targets put tuned models into service, by name; each is imported when it is used."""

from __future__ import annotations

from service.errors import TuneGateError
from service.launch.targets.deployable import Deployable, DeploymentOrder


def deployable_of(order: DeploymentOrder) -> Deployable:
    """The target as it was configured when the deployment was asked for.

    Raises:
        TuneGateError: `target_cannot` for one that this version does not deploy on.
    """
    if order.plan.target == "azure-ml":
        from service.launch.targets.azure_ml.endpoint import endpoint_of

        return endpoint_of(order)
    if order.plan.target == "kaito":
        from service.launch.targets.kaito.serving import serving_of

        return serving_of(order)
    if order.plan.target == "azure-openai":
        from service.launch.targets.azure_openai.deployment import hosting_of

        return hosting_of(order)
    raise TuneGateError("target_cannot", f"This version does not deploy on {order.plan.target!r}.")
