"""Fine-tuning jobs of a hub project by Azure's own SDK: submit, poll, cancel, and the name of the model they leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.azure_ml.workspace import LOST, Workspace
from service.launch.targets.azure_serverless.checks import checks
from service.launch.targets.azure_serverless.plan import OUTPUT, PER_MILLION
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, AzureServerlessSettings
from service.launch.targets.hosting import keep_hosted
from service.launch.targets.target import Artifact, Check, LaunchPlan, RemoteRef, RemoteStatus
from service.records.hosted import Hosted
from trainers.contract import Failure, Progress

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,29}")


@lru_cache(maxsize=16)
def project_of(where: AzureServerlessSettings) -> Workspace:
    """One client per project: its tokens and connections are shared by all jobs."""
    return Workspace(where, AZURE_SERVERLESS)


class AzureServerless:
    """One launched plan at its project; safe for several threads."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._where = msgspec.convert(plan.manifest["where"], AzureServerlessSettings)
        self._workspace = project_of(self._where)

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Upload the rows and create the job; that of an earlier call is found by its name and its tag."""
        return self._workspace.submitted(plan)

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this name, if it is of this very request."""
        return self._workspace.find(plan)

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the job stands; what it has cost is told by nobody before it has trained on all that was planned."""
        state, raw, _ = self._workspace.look(ref)
        error = _failure(ref) if state == "failed" else None
        usd = self._planned_usd() if state == "succeeded" else None
        return RemoteStatus(state=state, raw=raw, error=error, usd=usd, lost=raw == LOST)

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """None is told."""
        del ref, after
        return []

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; one that has ended or is gone needs no asking."""
        self._workspace.cancel(ref)

    def artifacts(self, ref: RemoteRef) -> list[Artifact]:
        """Nothing that can be fetched: the weights stay there."""
        del ref
        return []

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """hosted-model.json with the registered model's name, and the proof of success, in `out`.

        Raises:
            TuneGateError: `artifact_corrupt` for a job that succeeded and names no model.
        """
        tick()
        _, _, job = self._workspace.look(ref)
        keep_hosted(out, Hosted(model=_model(job)), None, plan=self._plan.manifest["plan"])

    def _planned_usd(self) -> float | None:
        """All tokens of the plan by its price, where both are known."""
        billing = self._plan.manifest.get("billing", {})  # launched by an earlier version: none
        price, tokens = billing.get("usd_per_million_tokens"), billing.get("tokens")
        return None if price is None or tokens is None else tokens * price / PER_MILLION

    def check(self) -> list[Check]:
        """Credential, project and region, each with its remedy."""
        return checks(self._where, self._workspace)


def _model(job: Any) -> str:
    output = (job.outputs or {}).get(OUTPUT)
    name, version = getattr(output, "name", None), getattr(output, "version", None)
    if not isinstance(name, str) or not _MODEL.fullmatch(name):
        remedy = "Look for it among the project's models in the portal."
        raise TuneGateError("artifact_corrupt", "The job succeeded and names no model.", remedy=remedy)
    told = isinstance(version, str) and _VERSION.fullmatch(version)
    return f"azureml:{name}:{version}" if told else f"azureml:{name}"


def _failure(ref: RemoteRef) -> Failure:
    seen = f" ({ref.url})" if ref.url else ""
    remedy = f"The portal says why{seen}, in words that may quote rows and are not repeated here."
    return Failure("job_failed", "The fine-tuning job failed in Azure.", remedy)
