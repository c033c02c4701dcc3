"""Enters the model of a job in the workspace's list: where it lies already, with the records that say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.endpoint_plan import model_name
from service.launch.targets.azure_ml.outputs import OWN_RECORDS
from service.launch.targets.azure_ml.plan import OUTPUTS, TAG
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.target import LaunchPlan, RemoteRef


def registered(
    ml: Any, container: Any, where: AzureMlSettings, plan: LaunchPlan, ref: RemoteRef, out: Path,
    tags: Mapping[str, str],
) -> str:  # fmt: skip
    """The model's name in Azure; one that is there already is of this very request, or not ours.

    Raises:
        TuneGateError: `remote_taken`, and what `talking` makes of the SDK's errors.
    """
    from azure.ai.ml.entities import Model
    from azure.core.exceptions import ResourceNotFoundError

    called = model_name(str(plan.manifest["plan"]["model"]), ref.name)
    shown = f"azureml:{called['name']}:{called['version']}"
    try:
        found = ml.models.get(called["name"], called["version"])
    except ResourceNotFoundError:
        folder = f"{OUTPUTS}/{ref.name}/files/"
        # the service's own records beside the files that they are about: whoever mounts the model can verify it
        for path in (out / name for name in OWN_RECORDS):
            if path.is_file():
                container.upload_blob(f"{folder}{path.name}", path.read_bytes(), overwrite=True)
        made = Model(
            **called,
            type="custom_model",
            path=f"azureml://datastores/{where.datastore}/paths/{folder}",
            description=f"tuned by tunegate, plan {plan.manifest['plan']['id']}",
            tags={TAG: plan.request_sha256, **tags},
        )
        ml.models.create_or_update(made)
        return shown
    if (found.tags or {}).get(TAG) != plan.request_sha256:
        raise TuneGateError("remote_taken", f"{shown} is a model that is not ours.", remedy="Remove or rename it.")
    return shown
