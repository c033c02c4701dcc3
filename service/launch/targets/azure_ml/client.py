"""Command jobs of our own trainers in an Azure Machine Learning workspace: submit, poll, cancel, fetch, register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from service.errors import TuneGateError
from service.launch.targets.azure_ml.checks import checks
from service.launch.targets.azure_ml.cluster import cluster
from service.launch.targets.azure_ml.endpoint import Endpoint
from service.launch.targets.azure_ml.files import code_folder
from service.launch.targets.azure_ml.outputs import Outputs
from service.launch.targets.azure_ml.plan import CODE
from service.launch.targets.azure_ml.registering import registered
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import found, talking
from service.launch.targets.azure_ml.workspace import LOST, Workspace
from service.launch.targets.target import (
    Artifact,
    Check,
    LaunchPlan,
    RemoteRef,
    RemoteStatus,
)
from trainers.contract import OTHER_LOST, FailedRank, Failure, Progress

_DIED = "trainer_died"
# how a process ends that a library or the launcher ends, because another one has
_ENDED_BY_OTHERS = ("SIGABRT", "SIGTERM")


class AzureMl:
    """One workspace and one cluster of it; safe for several threads."""

    def __init__(self, where: AzureMlSettings) -> None:
        self._where = where
        self._workspace = Workspace(where, "azure-ml")
        self._outputs = Outputs(where, self._workspace.ml, self._workspace.credential)
        self.endpoint = Endpoint(where, self._workspace.ml, self._workspace.credential, self._outputs)

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Create the job with everything it reads; the job of an earlier call is found by its name and its tag."""
        return self._workspace.submitted(
            plan,
            first=lambda: self._prepare(plan),
            beside=lambda folder: code_folder(folder / CODE, plan.manifest["plan"]),
        )

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this name, if it is of this very request."""
        return self._workspace.find(plan)

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the job stands; our trainer's own verdict where it left one."""
        state, raw, _ = self._workspace.look(ref)
        return RemoteStatus(
            state=state, raw=raw, error=self._failure(ref) if state == "failed" else None, lost=raw == LOST
        )

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """What the trainer has reported."""
        return self._outputs.progress(ref.name, after=after)

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; one that has ended or is gone needs no asking."""
        self._workspace.cancel(ref)

    def artifacts(self, ref: RemoteRef) -> list[Artifact]:
        """The files that the run left, with the hashes that it took there."""
        return [Artifact(path=one.path, bytes=one.bytes, sha256=one.sha256) for one in self._outputs.listed(ref.name)]

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """Every file into `out`, streamed; one that is there already with its hash is not fetched again."""
        self._outputs.fetch(ref.name, out, tick=tick)

    def register(self, plan: LaunchPlan, ref: RemoteRef, out: Path, tags: Mapping[str, str]) -> str:
        """A version of the model of its base, with the chain of ids as its tags."""
        with talking("registering the model"):
            return registered(self._workspace.ml(), self._outputs.container(), self._where, plan, ref, out, tags)

    def check(self) -> list[Check]:
        """Credential, workspace, compute, storage and images, each with its remedy."""
        return checks(self._where, self._workspace.ml, self._workspace.credential, self._outputs)

    def _prepare(self, plan: LaunchPlan) -> None:
        if self._where.make_compute:
            cluster(self._workspace.ml(), self._where)
        with talking("making the environment"):
            self._environment(plan)

    def _environment(self, plan: LaunchPlan) -> None:
        from azure.ai.ml.entities import Environment

        name, _, version = plan.manifest["job"]["environment"].removeprefix("azureml:").rpartition(":")
        environments = self._workspace.ml().environments
        if found(lambda: environments.get(name, version)) is None:
            environments.create_or_update(Environment(name=name, version=version, image=self._where.image))

    def _failure(self, ref: RemoteRef) -> Failure:
        if ranks := self._outputs.failed_ranks(ref.name):
            first = min(ranks, key=_follows)
            return Failure(first.failure.code, str(first), first.failure.remedy)
        try:
            result = self._outputs.result(ref.name)
        except TuneGateError:
            result = None
        if result is not None and result.error is not None:
            return result.error
        seen = f" ({ref.url})" if ref.url else ""
        remedy = f"Its log in the studio says why{seen}; tunegate targets check azure-ml looks at what it needs."
        return Failure("job_failed", "The job failed in Azure, and the trainer left no verdict.", remedy)


def _follows(one: FailedRank) -> tuple[bool, bool]:
    """The end of one breaks the others, whose failures are no reason: those of which that may be so come last."""
    ended = any(name in one.failure.detail for name in _ENDED_BY_OTHERS)
    return one.failure.code == OTHER_LOST, one.failure.code == _DIED and ended
