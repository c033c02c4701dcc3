"""Talks to Azure Machine Learning by its own SDK, which is imported at the first call: submit, poll, cancel, fetch."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.azure_ml.checks import checks
from service.launch.targets.azure_ml.cluster import cluster
from service.launch.targets.azure_ml.endpoint import Endpoint
from service.launch.targets.azure_ml.files import code_folder
from service.launch.targets.azure_ml.outputs import Outputs
from service.launch.targets.azure_ml.plan import CODE, TAG
from service.launch.targets.azure_ml.registering import registered
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import found, talking, word
from service.launch.targets.target import (
    Artifact,
    Check,
    LaunchPlan,
    RemoteRef,
    RemoteStatus,
)
from service.records.job import State
from trainers.contract import Failure, Progress

# what Azure calls a job's state; anything else is unknown
_STATES: dict[str, State] = {
    "NotStarted": "queued", "Queued": "queued",
    "Starting": "preparing", "Provisioning": "preparing", "Preparing": "preparing",
    "Running": "running", "Finalizing": "finalizing", "CancelRequested": "cancelling",
    "Completed": "succeeded", "Failed": "failed", "Canceled": "cancelled", "Paused": "paused",
}  # fmt: skip
_LOST = "NotResponding"
_RETRIES, _TIMEOUT_SECONDS = 3, 60


class AzureMl:
    """One workspace; safe for several threads."""

    def __init__(self, where: AzureMlSettings) -> None:
        self._where = where
        self._made: Any = None
        self._making = threading.Lock()
        self._outputs = Outputs(where, self._ml, self._credential)
        self.endpoint = Endpoint(where, self._ml, self._credential)

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Create the job with everything it reads; the job of an earlier call is found by its name and its tag."""
        if (known := self.find(plan)) is not None:
            return known
        if self._where.make_compute:
            cluster(self._ml(), self._where)
        with talking("making the environment"):
            self._environment(plan)
        for asset in plan.manifest["assets"]:
            with talking(f"storing {asset['input']}"):
                self._asset(asset, Path(plan.files[asset["input"]]))
        try:
            with talking("making the job"):
                job = self._created(plan)
        except TuneGateError:
            # it may have been made, and the answer lost
            if (known := self.find(plan)) is not None:
                return known
            raise
        return self._ref(job)

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this name, if it is of this very request."""
        try:
            with talking("looking for the job"):
                job = self._ml().jobs.get(plan.name)
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise
        if (job.tags or {}).get(TAG) != plan.request_sha256:
            remedy = "Remove or rename that job in the workspace."
            raise TuneGateError("remote_taken", f"{plan.name} is a job that tunegate did not make.", remedy=remedy)
        return self._ref(job)

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the job stands; our trainer's own verdict where it left one."""
        with talking("looking at the job"):
            status = self._ml().jobs.get(ref.name).status
        raw = word(status)
        state = _STATES.get(raw, "unknown")
        return RemoteStatus(
            state=state, raw=raw, error=self._failure(ref) if state == "failed" else None, lost=raw == _LOST
        )

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """What the trainer has reported."""
        return self._outputs.progress(ref.name, after=after)

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; one that has ended or is gone needs no asking."""
        try:
            with talking("cancelling the job"):
                # no polling in here: a later look says when it has ended
                self._ml().jobs.begin_cancel(ref.name, polling=False)
        except TuneGateError as error:
            if error.code not in {"remote_gone", "target_refused"}:
                raise

    def artifacts(self, ref: RemoteRef) -> list[Artifact]:
        """The files that the run left, with the hashes that it took there."""
        return [Artifact(path=one.path, bytes=one.bytes, sha256=one.sha256) for one in self._outputs.listed(ref.name)]

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """Every file into `out`, streamed; one that is there already with its hash is not fetched again."""
        self._outputs.fetch(ref.name, out, tick=tick)

    def register(self, plan: LaunchPlan, ref: RemoteRef, out: Path, tags: Mapping[str, str]) -> str:
        """A version of the model of its base, with the chain of ids as its tags."""
        with talking("registering the model"):
            return registered(self._ml(), self._outputs.container(), self._where, plan, ref, out, tags)

    def check(self) -> list[Check]:
        """Credential, workspace, compute, storage and image, each with its remedy."""
        return checks(self._where, self._ml, self._credential, self._outputs)

    def _ref(self, job: Any) -> RemoteRef:
        return RemoteRef(target="azure-ml", name=job.name, submitted_at=now(), url=_studio(job))

    def _ml(self) -> Any:
        with self._making:
            if self._made is None:
                with talking("loading the Azure SDK"):
                    self._made = self._client()
            return self._made

    def _credential(self) -> Any:
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    def _client(self) -> Any:
        from azure.ai.ml import MLClient

        # INFO lines of theirs hold addresses; loading the SDK gives some of its loggers that level and a way to stderr
        for name in [one for one in logging.root.manager.loggerDict if one.partition(".")[0] in {"azure", "msrest"}]:
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("azure").setLevel(logging.WARNING)
        where = self._where
        return MLClient(
            self._credential(), where.subscription_id, where.resource_group, where.workspace,
            enable_telemetry=False, show_progress=False,
            retry_total=_RETRIES, connection_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip

    def _environment(self, plan: LaunchPlan) -> None:
        from azure.ai.ml.entities import Environment

        name, _, version = plan.manifest["job"]["environment"].removeprefix("azureml:").rpartition(":")
        environments = self._ml().environments
        if found(lambda: environments.get(name, version)) is None:
            environments.create_or_update(Environment(name=name, version=version, image=self._where.image))

    def _asset(self, asset: dict[str, str], path: Path) -> None:
        from azure.ai.ml.entities import Data

        assets = self._ml().data
        if found(lambda: assets.get(asset["name"], asset["version"])) is None:
            # the bytes are stored before the asset is said to be there: one that is there is whole
            made = Data(name=asset["name"], version=asset["version"], type=asset["type"], path=str(path))
            assets.create_or_update(made)

    def _created(self, plan: LaunchPlan) -> Any:
        from azure.ai.ml import load_job

        with tempfile.TemporaryDirectory(prefix="tunegate-") as place:
            folder = Path(place)
            code_folder(folder / CODE, plan.manifest["plan"])
            # YAML holds JSON
            (folder / "job.yml").write_bytes(msgspec.json.encode(plan.manifest["job"]))
            return self._ml().jobs.create_or_update(load_job(folder / "job.yml"))

    def _failure(self, ref: RemoteRef) -> Failure:
        try:
            result = self._outputs.result(ref.name)
        except TuneGateError:
            result = None
        if result is not None and result.error is not None:
            return result.error
        seen = f" ({ref.url})" if ref.url else ""
        remedy = f"Its log in the studio says why{seen}; tunegate targets check azure-ml looks at what it needs."
        return Failure("job_failed", "The job failed in Azure, and the trainer left no verdict.", remedy)


def _studio(job: Any) -> str | None:
    service = (job.services or {}).get("Studio")
    endpoint = getattr(service, "endpoint", None)
    return str(endpoint) if endpoint else None
