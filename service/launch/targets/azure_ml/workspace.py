"""One workspace by Azure's own SDK, which is imported at the first call: jobs by name and tag, and data assets."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.azure_ml.plan import TAG
from service.launch.targets.azure_ml.talking import found, talking, word
from service.launch.targets.target import LaunchPlan, RemoteRef
from service.records.job import State

# what Azure calls a job's state; anything else is unknown
_STATES: dict[str, State] = {
    "NotStarted": "queued", "Queued": "queued",
    "Starting": "preparing", "Provisioning": "preparing", "Preparing": "preparing",
    "Running": "running", "Finalizing": "finalizing", "CancelRequested": "cancelling",
    "Completed": "succeeded", "Failed": "failed", "Canceled": "cancelled", "Paused": "paused",
}  # fmt: skip
LOST = "NotResponding"
_RETRIES, _TIMEOUT_SECONDS = 3, 60


class Place(Protocol):
    """What the settings of a target say of its workspace."""

    @property
    def subscription_id(self) -> str: ...

    @property
    def resource_group(self) -> str: ...

    @property
    def workspace(self) -> str: ...


class Workspace:
    """The workspace as one target (`target`) sees it; safe for several threads."""

    def __init__(self, where: Place, target: str) -> None:
        self._where, self._target = where, target
        self._made: Any = None
        self._making = threading.Lock()

    def submitted(
        self,
        plan: LaunchPlan,
        *,
        first: Callable[[], None] = lambda: None,
        beside: Callable[[Path], None] = lambda _: None,
    ) -> RemoteRef:
        """Create the job with the data that it reads; the job of an earlier call is found by its name and its tag.

        `first` makes what else it needs there, `beside` lays files beside the folder's job.yml.
        """
        if (known := self.find(plan)) is not None:
            return known
        first()
        for asset in plan.manifest["assets"]:
            with self.talking(f"storing {asset['input']}"):
                self._asset(asset, Path(plan.files[asset["input"]]))
        try:
            with self.talking("making the job"):
                job = self._created(plan, beside)
        except TuneGateError:
            # it may have been made, and the answer lost
            if (known := self.find(plan)) is not None:
                return known
            raise
        return self._ref(job)

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this name, if it is of this very request.

        Raises:
            TuneGateError: `remote_taken`, and what `talking` makes of the SDK's errors.
        """
        try:
            with self.talking("looking for the job"):
                job = self.ml().jobs.get(plan.name)
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise
        if (job.tags or {}).get(TAG) != plan.request_sha256:
            remedy = "Remove or rename that job in the workspace."
            raise TuneGateError("remote_taken", f"{plan.name} is a job that tunegate did not make.", remedy=remedy)
        return self._ref(job)

    def look(self, ref: RemoteRef) -> tuple[State, str, Any]:
        """Our state, Azure's own word for it, and the job."""
        with self.talking("looking at the job"):
            job = self.ml().jobs.get(ref.name)
        raw = word(job.status)
        return _STATES.get(raw, "unknown"), raw, job

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; one that has ended or is gone needs no asking."""
        try:
            with self.talking("cancelling the job"):
                # no polling in here: a later look says when it has ended
                self.ml().jobs.begin_cancel(ref.name, polling=False)
        except TuneGateError as error:
            if error.code not in {"remote_gone", "target_refused"}:
                raise

    def ml(self) -> Any:
        """The SDK's client: one for all jobs."""
        with self._making:
            if self._made is None:
                with self.talking("loading the Azure SDK"):
                    self._made = self._client()
            return self._made

    def credential(self) -> Any:
        """Whatever identity the environment has."""
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    def talking(self, doing: str) -> Any:
        """Name what goes wrong in the block, as this target."""
        return talking(doing, target=self._target)

    def _ref(self, job: Any) -> RemoteRef:
        return RemoteRef(target=self._target, name=job.name, submitted_at=now(), url=_studio(job))

    def _client(self) -> Any:
        from azure.ai.ml import MLClient

        # INFO lines of theirs hold addresses; loading the SDK gives some of its loggers that level and a way to stderr
        for name in [one for one in logging.root.manager.loggerDict if one.partition(".")[0] in {"azure", "msrest"}]:
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("azure").setLevel(logging.WARNING)
        where = self._where
        return MLClient(
            self.credential(), where.subscription_id, where.resource_group, where.workspace,
            enable_telemetry=False, show_progress=False,
            retry_total=_RETRIES, connection_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip

    def _asset(self, asset: dict[str, str], path: Path) -> None:
        from azure.ai.ml.entities import Data

        assets = self.ml().data
        if found(lambda: assets.get(asset["name"], asset["version"])) is None:
            # the bytes are stored before the asset is said to be there: one that is there is whole
            made = Data(name=asset["name"], version=asset["version"], type=asset["type"], path=str(path))
            assets.create_or_update(made)

    def _created(self, plan: LaunchPlan, beside: Callable[[Path], None]) -> Any:
        from azure.ai.ml import load_job

        with tempfile.TemporaryDirectory(prefix="tunegate-") as place:
            folder = Path(place)
            beside(folder)
            # YAML holds JSON
            (folder / "job.yml").write_bytes(msgspec.json.encode(plan.manifest["job"]))
            return self.ml().jobs.create_or_update(load_job(folder / "job.yml"))


def _studio(job: Any) -> str | None:
    service = (job.services or {}).get("Studio")
    endpoint = getattr(service, "endpoint", None)
    return str(endpoint) if endpoint else None
