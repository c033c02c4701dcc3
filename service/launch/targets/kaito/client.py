"""A tuning Workspace: submit, poll, cancel, fetch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.kaito.admission import refused
from service.launch.targets.kaito.checks import checks
from service.launch.targets.kaito.cluster import cluster_of
from service.launch.targets.kaito.objects import Objects
from service.launch.targets.kaito.outputs import Outputs
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.kaito.states import failed_status, state_of
from service.launch.targets.target import Artifact, Check, LaunchPlan, RemoteRef, RemoteStatus
from trainers.contract import Progress


class Kaito:
    """One launched plan on its cluster; safe for several threads."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._where = msgspec.convert(plan.manifest["where"], KaitoSettings)
        self._cluster = cluster_of(self._where)
        self._objects = Objects(self._cluster, plan.name, plan.request_sha256)
        self._outputs = Outputs(plan, self._where)

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Create ConfigMap and Workspace; those of an earlier call are found by their name and their annotation."""
        workspace, config = plan.manifest["workspace"], plan.manifest["config_map"]
        if errors := refused(workspace, config):
            raise TuneGateError("target_refused", "KAITO would refuse the Workspace.", errors=errors)
        self._objects.made(workspace, config)
        return self._ref()

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The Workspace of this name, if it is of this very request."""
        del plan
        return self._ref() if self._objects.workspace() is not None else None

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the Workspace stands, from the namespace's watch; where it failed, why, from its Job and its pods."""
        workspace = self._cluster.watched.get(ref.name) or self._objects.workspace()
        if workspace is None or not self._objects.ours(workspace):
            raise TuneGateError("deleted_externally", "The Workspace is gone.", remedy="Launch it again.")
        status = state_of(workspace)
        if status.state != "failed":
            return status
        return failed_status(
            workspace, self._objects.job(), self._objects.pods(f"job-name={ref.name}"), free=self._free(ref)
        )

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """Nothing: KAITO tells progress in the container's log alone, which may hold rows."""
        del ref, after
        return []

    def cancel(self, ref: RemoteRef) -> None:
        """Delete the Workspace and our ConfigMap; the controller then gives the nodes back."""
        del ref
        self._objects.delete()

    def artifacts(self, ref: RemoteRef) -> list[Artifact]:
        """The adapter's layers as the registry lists them."""
        del ref
        return self._outputs.listed()

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """The adapter into `out`, its layers' hashes compared; then the Workspace goes, and its nodes with it."""
        try:
            self._outputs.fetch(out, tick=tick)
        except TuneGateError as error:
            if error.code in {"target_unreachable", "job_cancelled"}:
                raise
            # it stays for whoever mends this, and so do its nodes
            remedy = f"{error.remedy} Its nodes are billed until it is deleted: {self._free(ref)}"
            raise TuneGateError(error.code, str(error), remedy=remedy, errors=error.errors) from error
        self.cancel(ref)

    def check(self) -> list[Check]:
        """Kubeconfig, API, CRD, rights, namespace, secret and registry, each with its remedy."""
        return checks(self._where, self._cluster)

    def _free(self, ref: RemoteRef) -> str:
        return f"kubectl delete workspace {ref.name} -n {self._where.namespace}"

    def _ref(self) -> RemoteRef:
        return RemoteRef(target="kaito", name=self._plan.name, submitted_at=now())
