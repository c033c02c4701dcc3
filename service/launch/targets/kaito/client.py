"""Talks to a cluster by the Kubernetes client, which is imported at the first call: submit, poll, cancel, fetch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.kaito.admission import refused
from service.launch.targets.kaito.checks import checks
from service.launch.targets.kaito.outputs import Outputs
from service.launch.targets.kaito.plan import ANNOTATION, GROUP, PLURAL, VERSION
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.kaito.states import failed_status, state_of
from service.launch.targets.kaito.talking import talking, unreachable
from service.launch.targets.kaito.watching import Watched
from service.launch.targets.target import Artifact, Check, LaunchPlan, RemoteRef, RemoteStatus
from trainers.contract import Progress

# (connect, read) seconds of one call
TIMEOUT = (10, 60)


class Cluster:
    """One context of a kubeconfig and one namespace; its connections and its watch are shared by all jobs."""

    def __init__(self, context: str, namespace: str) -> None:
        self.namespace = namespace
        self._context = context
        self._made: Any = None
        self._making = threading.Lock()
        self.watched = Watched(self.objects, namespace)

    def api(self) -> Any:
        """The client, as the kubeconfig says; within a pod without one, as its service account says."""
        with self._making:
            if self._made is None:
                with talking("reading the kubeconfig"):
                    self._made = self._client()
            return self._made

    def objects(self) -> Any:
        from kubernetes.client import CustomObjectsApi

        return CustomObjectsApi(self.api())

    def core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self.api())

    def batch(self) -> Any:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self.api())

    def _client(self) -> Any:
        from kubernetes import client, config

        # read now: the library reads it once, when it is imported
        place = os.environ.get("KUBECONFIG") or None
        inside = "KUBERNETES_SERVICE_HOST" in os.environ
        if inside and place is None and not Path("~/.kube/config").expanduser().exists():
            made = client.Configuration()
            config.load_incluster_config(client_configuration=made)
            return client.ApiClient(made)
        return config.new_client_from_config(config_file=place, context=self._context or None)


@lru_cache(maxsize=16)
def cluster(kubeconfig: str, context: str, namespace: str) -> Cluster:
    """One client for all jobs of a namespace; `kubeconfig` tells the files of KUBECONFIG apart."""
    del kubeconfig
    return Cluster(context, namespace)


class Kaito:
    """One launched plan on its cluster; safe for several threads."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._where = msgspec.convert(plan.manifest["where"], KaitoSettings)
        self._cluster = cluster_of(self._where)
        self._outputs = Outputs(plan, self._where)

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Create ConfigMap and Workspace; those of an earlier call are found by their name and their annotation."""
        workspace, config = plan.manifest["workspace"], plan.manifest["config_map"]
        if errors := refused(workspace, config):
            raise TuneGateError("target_refused", "KAITO would refuse the Workspace.", errors=errors)
        found = self._workspace()
        self._config_map(config)
        if found is None:
            with talking("making the Workspace"):
                self._create(workspace)
            # read again: an answer that was lost says nothing of whose it is
            if (found := self._workspace()) is None:
                raise unreachable("making the Workspace", "it is not there yet")
        self._own(found)
        return self._ref()

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The Workspace of this name, if it is of this very request."""
        del plan
        return self._ref() if self._workspace() is not None else None

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the Workspace stands, from the namespace's watch; where it failed, why, from its Job and its pods."""
        workspace = self._cluster.watched.get(ref.name) or self._workspace()
        if workspace is None or not self._ours(workspace):
            raise TuneGateError("deleted_externally", "The Workspace is gone.", remedy="Launch it again.")
        status = state_of(workspace)
        if status.state != "failed":
            return status
        return failed_status(workspace, self._job(ref.name), self._pods(ref.name), free=self._free(ref))

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """Nothing: KAITO tells progress in the container's log alone, which may hold rows."""
        del ref, after
        return []

    def cancel(self, ref: RemoteRef) -> None:
        """Delete the Workspace and our ConfigMap; the controller then gives the nodes back."""
        found = self._workspace()
        if found is not None:
            from kubernetes.client import V1DeleteOptions, V1Preconditions

            this_one = V1DeleteOptions(preconditions=V1Preconditions(uid=found["metadata"]["uid"]))
            self._delete(lambda: self._cluster.objects().delete_namespaced_custom_object(
                GROUP, VERSION, self._where.namespace, PLURAL, ref.name, body=this_one, _request_timeout=TIMEOUT,
            ))  # fmt: skip
        config = self._found_config(ref.name)
        if config is not None and (config.metadata.annotations or {}).get(ANNOTATION) == self._plan.request_sha256:
            self._delete(lambda: self._cluster.core().delete_namespaced_config_map(
                ref.name, self._where.namespace, _request_timeout=TIMEOUT,
            ))  # fmt: skip

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

    def _ours(self, found: dict[str, Any]) -> bool:
        return (found["metadata"].get("annotations") or {}).get(ANNOTATION) == self._plan.request_sha256

    def _workspace(self) -> dict[str, Any] | None:
        """The Workspace as the cluster has it now.

        Raises:
            TuneGateError: `remote_taken` for one of another request.
        """
        try:
            with talking("looking for the Workspace"):
                found: dict[str, Any] = self._cluster.objects().get_namespaced_custom_object(
                    GROUP, VERSION, self._where.namespace, PLURAL, self._plan.name, _request_timeout=TIMEOUT
                )
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise
        if not self._ours(found):
            raise self._taken("Workspace")
        return found

    def _create(self, workspace: dict[str, Any]) -> None:
        from kubernetes.client.exceptions import ApiException

        try:
            self._cluster.objects().create_namespaced_custom_object(
                GROUP, VERSION, self._where.namespace, PLURAL, workspace,
                field_validation="Strict", _request_timeout=TIMEOUT,
            )  # fmt: skip
        except ApiException as error:
            if error.status != 409:
                raise

    def _config_map(self, config: dict[str, Any]) -> None:
        """It must be there before the Workspace: the controller copies a template of its own otherwise."""
        from kubernetes.client.exceptions import ApiException

        with talking("making the ConfigMap"):
            try:
                self._cluster.core().create_namespaced_config_map(
                    self._where.namespace, config, field_validation="Strict", _request_timeout=TIMEOUT
                )
            except ApiException as error:
                if error.status != 409:
                    raise
                found = self._found_config(self._plan.name)
                if found and (found.metadata.annotations or {}).get(ANNOTATION) != self._plan.request_sha256:
                    raise self._taken("ConfigMap") from error

    def _found_config(self, name: str) -> Any:
        try:
            with talking("looking for the ConfigMap"):
                return self._cluster.core().read_namespaced_config_map(
                    name, self._where.namespace, _request_timeout=TIMEOUT
                )
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise

    def _own(self, workspace: dict[str, Any]) -> None:
        """The ConfigMap goes when the Workspace does, whoever deletes it."""
        owner = {
            "apiVersion": f"{GROUP}/{VERSION}", "kind": "Workspace",
            "name": workspace["metadata"]["name"], "uid": workspace["metadata"]["uid"],
        }  # fmt: skip
        with talking("tying the ConfigMap to the Workspace"):
            self._cluster.core().patch_namespaced_config_map(
                self._plan.name, self._where.namespace, {"metadata": {"ownerReferences": [owner]}},
                _request_timeout=TIMEOUT,
            )  # fmt: skip

    def _job(self, name: str) -> Any:
        try:
            with talking("looking at the Job"):
                return self._cluster.batch().read_namespaced_job(name, self._where.namespace, _request_timeout=TIMEOUT)
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise

    def _pods(self, name: str) -> list[Any]:
        with talking("looking at the pods"):
            found = self._cluster.core().list_namespaced_pod(
                self._where.namespace, label_selector=f"job-name={name}", _request_timeout=TIMEOUT
            )
        return list(found.items)

    def _delete(self, call: Callable[[], object]) -> None:
        try:
            with talking("deleting the job's objects"):
                call()
        except TuneGateError as error:
            if error.code != "remote_gone":
                raise

    def _taken(self, kind: str) -> TuneGateError:
        remedy = f"Remove that {kind} from namespace {self._where.namespace}, or use another namespace."
        return TuneGateError("remote_taken", f"{self._plan.name} is a {kind} of another request.", remedy=remedy)


def cluster_of(where: KaitoSettings) -> Cluster:
    """The shared client of a configured namespace."""
    return cluster(os.environ.get("KUBECONFIG", ""), where.context, where.namespace)
