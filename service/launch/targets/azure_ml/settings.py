"""Where jobs go in Azure Machine Learning: `[azure-ml]` of the targets file, each value also as TUNEGATE_AZURE_ML_*."""

from __future__ import annotations

import msgspec

from service.launch.targets.configured import EXPERIMENT, GROUP, SUBSCRIPTION, WORKSPACE, Shape, configured
from service.settings import Settings

_TABLE = "azure-ml"
# what a value must look like, in a pattern and in words
_SHAPES: dict[str, Shape] = {
    "subscription_id": SUBSCRIPTION,
    "resource_group": GROUP,
    "workspace": WORKSPACE,
    "compute": Shape(r"[A-Za-z][A-Za-z0-9-]{1,31}", "a compute cluster's name, 2 to 32 letters, digits and -"),
    "instance_type": Shape(r"Standard_[A-Za-z0-9_]+", "a machine size, such as Standard_NC24ads_A100_v4"),
    "image": Shape(r"[^\s@]+@sha256:[0-9a-f]{64}", "an image by digest, REGISTRY/NAME@sha256:64 hex digits"),
    "serving_image": Shape(r"[^\s@]+@sha256:[0-9a-f]{64}", "an image by digest, REGISTRY/NAME@sha256:64 hex digits"),
    "datastore": Shape(r"[A-Za-z0-9_]{1,255}", "a datastore's name"),
    "experiment": EXPERIMENT,
    "python": Shape(r"[^\s'\"\\$`;&|<>]+", "the name or path of a Python in the image"),
}
_RANGES = {"instance_count": (1, 100), "max_hours": (0.02, 720), "poll_seconds": (0.2, 3600)}


class AzureMlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One workspace and the machines of one of its clusters; keys are none of it: DefaultAzureCredential finds them."""

    subscription_id: str
    resource_group: str
    workspace: str
    compute: str
    instance_type: str
    image: str
    instance_count: int = 1
    # what answers for a deployed model: deploy/model.Dockerfile
    serving_image: str | None = None
    # a cluster that is missing is made, with no machine while nothing trains
    make_compute: bool = False
    # uploads and outputs lie in it
    datastore: str = "workspaceblobstore"
    experiment: str = "tunegate"
    # the job is ended by Azure after so long, whatever becomes of us
    max_hours: float = 24.0
    poll_seconds: float = 30.0
    python: str = "python"

    @property
    def resource(self) -> str:
        """The workspace's id in Azure's resource manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def azure_ml_settings(settings: Settings) -> AzureMlSettings:
    """The settings, the environment before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    return configured(AzureMlSettings, _TABLE, settings.azure_ml, settings, shapes=_SHAPES, ranges=_RANGES)
