"""Workspaces and their ConfigMaps, which are ours by their name and an annotation together: made once, deleted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.kaito.cluster import TIMEOUT, Cluster
from service.launch.targets.kaito.plan import ANNOTATION, GROUP, PLURAL, VERSION
from service.launch.targets.kaito.talking import CLUSTER, talking
from service.launch.targets.talking import unreachable


class Objects:
    """One Workspace with its ConfigMap, both named `name` and marked with `identifier`."""

    def __init__(self, cluster: Cluster, name: str, identifier: str) -> None:
        self._cluster, self._name, self._identifier = cluster, name, identifier
        self._namespace = cluster.namespace

    def made(self, workspace: dict[str, Any], config: dict[str, Any] | None) -> dict[str, Any]:
        """The Workspace, with its ConfigMap before it and tied to it; what is there already stays as it is.

        Raises:
            TuneGateError: `remote_taken` for one of another request.
        """
        found = self.workspace()
        if config is not None:
            self._config_map(config)
        if found is None:
            with talking("making the Workspace"):
                self._create(workspace)
            # read again: an answer that was lost says nothing of whose it is
            if (found := self.workspace()) is None:
                raise unreachable("making the Workspace", "it is not there yet", who=CLUSTER)
        if config is not None:
            self._own(found)
        return found

    def ours(self, found: dict[str, Any]) -> bool:
        """Whether a Workspace is of this very request."""
        return (found["metadata"].get("annotations") or {}).get(ANNOTATION) == self._identifier

    def workspace(self) -> dict[str, Any] | None:
        """The Workspace as the cluster has it now.

        Raises:
            TuneGateError: `remote_taken` for one of another request.
        """
        found = self._or_none("looking for the Workspace", lambda: self._cluster.objects().get_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURAL, self._name, _request_timeout=TIMEOUT
        ))  # fmt: skip
        if found is not None and not self.ours(found):
            raise self._taken("Workspace")
        workspace: dict[str, Any] | None = found
        return workspace

    def delete(self) -> None:
        """Both, where they are ours; the controller then gives the nodes back."""
        from kubernetes.client import V1DeleteOptions, V1Preconditions

        if (found := self.workspace()) is not None:
            this_one = V1DeleteOptions(preconditions=V1Preconditions(uid=found["metadata"]["uid"]))
            self._or_none(_DELETING, lambda: self._cluster.objects().delete_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, self._name, body=this_one, _request_timeout=TIMEOUT,
            ))  # fmt: skip
        config = self._found_config()
        if config is not None and (config.metadata.annotations or {}).get(ANNOTATION) == self._identifier:
            self._or_none(_DELETING, lambda: self._cluster.core().delete_namespaced_config_map(
                self._name, self._namespace, _request_timeout=TIMEOUT,
            ))  # fmt: skip

    def pods(self, selector: str) -> list[Any]:
        """The pods with these labels."""
        with talking("looking at the pods"):
            found = self._cluster.core().list_namespaced_pod(
                self._namespace, label_selector=selector, _request_timeout=TIMEOUT
            )
        return list(found.items)

    def job(self) -> Any:
        """The Job of a tuning Workspace, which has its name."""
        return self._or_none("looking at the Job", lambda: self._cluster.batch().read_namespaced_job(
            self._name, self._namespace, _request_timeout=TIMEOUT
        ))  # fmt: skip

    def _create(self, workspace: dict[str, Any]) -> None:
        from kubernetes.client.exceptions import ApiException

        try:
            self._cluster.objects().create_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, workspace, field_validation="Strict", _request_timeout=TIMEOUT
            )
        except ApiException as error:
            if error.status != 409:
                raise

    def _config_map(self, config: dict[str, Any]) -> None:
        """It must be there before the Workspace: the controller copies a template of its own otherwise."""
        from kubernetes.client.exceptions import ApiException

        with talking("making the ConfigMap"):
            try:
                self._cluster.core().create_namespaced_config_map(
                    self._namespace, config, field_validation="Strict", _request_timeout=TIMEOUT
                )
            except ApiException as error:
                if error.status != 409:
                    raise
                found = self._found_config()
                if found and (found.metadata.annotations or {}).get(ANNOTATION) != self._identifier:
                    raise self._taken("ConfigMap") from error

    def _own(self, workspace: dict[str, Any]) -> None:
        """The ConfigMap goes when the Workspace does, whoever deletes it."""
        owner = {
            "apiVersion": f"{GROUP}/{VERSION}", "kind": "Workspace",
            "name": workspace["metadata"]["name"], "uid": workspace["metadata"]["uid"],
        }  # fmt: skip
        with talking("tying the ConfigMap to the Workspace"):
            self._cluster.core().patch_namespaced_config_map(
                self._name, self._namespace, {"metadata": {"ownerReferences": [owner]}}, _request_timeout=TIMEOUT
            )

    def _found_config(self) -> Any:
        return self._or_none("looking for the ConfigMap", lambda: self._cluster.core().read_namespaced_config_map(
            self._name, self._namespace, _request_timeout=TIMEOUT
        ))  # fmt: skip

    def _or_none(self, doing: str, call: Callable[[], Any]) -> Any:
        """None where there is no such thing."""
        try:
            with talking(doing):
                return call()
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise

    def _taken(self, kind: str) -> TuneGateError:
        remedy = f"Remove that {kind} from namespace {self._namespace}, or use another namespace."
        return TuneGateError("remote_taken", f"{self._name} is a {kind} of another request.", remedy=remedy)


_DELETING = "deleting what was made"
