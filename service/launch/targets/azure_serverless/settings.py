"""The hub project of serverless jobs: `[azure-serverless]` of the targets file, or TUNEGATE_AZURE_SERVERLESS_*."""

from __future__ import annotations

import msgspec

from service.launch.targets.configured import EXPERIMENT, GROUP, REGION, SUBSCRIPTION, WORKSPACE, Shape, configured
from service.settings import Settings

AZURE_SERVERLESS = "azure-serverless"
_SHAPES: dict[str, Shape] = {
    "subscription_id": SUBSCRIPTION,
    "resource_group": GROUP,
    "workspace": WORKSPACE,
    "region": REGION,
    "experiment": EXPERIMENT,
}
_RANGES = {"poll_seconds": (0.2, 3600)}


class AzureServerlessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hub project; keys are none of it: DefaultAzureCredential finds them."""

    subscription_id: str
    resource_group: str
    # the hub project's name
    workspace: str
    # the project's, which says what is offered
    region: str
    experiment: str = "tunegate"
    poll_seconds: float = 30.0


def azure_serverless_settings(settings: Settings) -> AzureServerlessSettings:
    """The settings, the environment before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    return configured(
        AzureServerlessSettings, AZURE_SERVERLESS, settings.azure_serverless, settings, shapes=_SHAPES, ranges=_RANGES
    )
