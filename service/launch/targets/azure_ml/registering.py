"""Enters the model of a job in the workspace's list: where it lies already, with the records that say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.endpoint_plan import model_name
from service.launch.targets.azure_ml.outputs import OWN_RECORDS, Outputs
from service.launch.targets.azure_ml.plan import OUTPUTS, TAG
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import found
from service.launch.targets.target import LaunchPlan, RemoteRef


def registered(
    ml: Any, container: Any, where: AzureMlSettings, plan: LaunchPlan, ref: RemoteRef, out: Path,
    tags: Mapping[str, str],
) -> str:  # fmt: skip
    """The model's name in Azure; one that is there already is of this very request, or not ours.

    Raises:
        TuneGateError: `remote_taken`, and what `talking` makes of the SDK's errors.
    """
    called = model_name(str(plan.manifest["plan"]["model"]), ref.name)
    shown = _shown(called)
    if (known := found(lambda: ml.models.get(called["name"], called["version"]))) is not None:
        if (known.tags or {}).get(TAG) != plan.request_sha256:
            raise TuneGateError("remote_taken", f"{shown} is a model that is not ours.", remedy="Remove or rename it.")
        return shown
    folder = f"{OUTPUTS}/{ref.name}/files/"
    # the service's own records beside the files that they are about: whoever mounts the model can verify it
    for path in (out / name for name in sorted(OWN_RECORDS)):
        if path.is_file():
            container.upload_blob(f"{folder}{path.name}", path.read_bytes(), overwrite=True)
    description = f"tuned by tunegate, plan {plan.manifest['plan']['id']}"
    _enter(ml, where, called, folder, description, {TAG: plan.request_sha256, **tags})
    return shown


def require_registered(
    ml: Any, outputs: Outputs, where: AzureMlSettings, called: Mapping[str, str], *, run: str, job: str
) -> None:
    """The model of the run `run` is in the list; one that was removed from it is entered again, where its files lie.

    Raises:
        TuneGateError: `remote_gone` where those are gone too, and what `talking` makes of the SDK's errors.
    """
    if found(lambda: ml.models.get(called["name"], called["version"])) is not None:
        return
    submitted = found(lambda: ml.jobs.get(run))
    try:
        outputs.listed(run)
    except TuneGateError as error:
        if error.code == "target_unreachable":
            raise
        submitted = None
    if submitted is None:
        remedy = "The job's artifact is with tunegate (tunegate jobs artifact): serve that, or launch its plan again."
        raise TuneGateError("remote_gone", f"{_shown(called)} was removed, and what it was made of too.", remedy=remedy)
    tags = {TAG: submitted.tags.get(TAG, ""), "tunegate_job": job}
    _enter(ml, where, called, f"{OUTPUTS}/{run}/files/", "tuned by tunegate, entered again to be deployed", tags)


def _shown(called: Mapping[str, str]) -> str:
    return f"azureml:{called['name']}:{called['version']}"


def _enter(
    ml: Any, where: AzureMlSettings, called: Mapping[str, str], folder: str, description: str, tags: Mapping[str, str]
) -> None:
    from azure.ai.ml.entities import Model

    path = f"azureml://datastores/{where.datastore}/paths/{folder}"
    made = Model(**called, type="custom_model", path=path, description=description, tags=dict(tags))
    ml.models.create_or_update(made)
