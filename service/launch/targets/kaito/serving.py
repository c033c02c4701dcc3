"""A serving Workspace: made once, followed by its conditions, asked once through the API server, deleted."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.deployable import DeploymentOrder, DeploymentStatus
from service.launch.targets.kaito.cluster import TIMEOUT, Cluster, cluster_of
from service.launch.targets.kaito.objects import Objects
from service.launch.targets.kaito.serving_plan import objects
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.kaito.states import conditions, pod_reasons, said
from service.launch.targets.kaito.talking import talking

_ANSWERS = "v1/chat/completions"
_LOG = "Its pod's log says why: kubectl logs."
# one word in, few tokens out
_QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}


class Serving:
    """The serving Workspaces of one namespace; safe for several threads."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def create(self, order: DeploymentOrder) -> DeploymentStatus:
        """ConfigMap and Workspace, where they are missing."""
        return self._status(order, self._of(order).made(*objects(order)))

    def look(self, order: DeploymentOrder) -> DeploymentStatus | None:
        """How it stands, by its conditions."""
        found = self._of(order).workspace()
        return None if found is None else self._status(order, found)

    def smoke(self, order: DeploymentOrder) -> str:
        """One request to its service, through the API server: the service has no address outside the cluster."""
        api, name = self._cluster.api(), order.plan.name
        place = f"/api/v1/namespaces/{self._cluster.namespace}/services/{name}:80/proxy/{_ANSWERS}"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        address = f"{api.configuration.host}{place}"
        with talking("asking the model"):
            api.update_params_for_auth(headers, [], ["BearerToken"], place, "POST", None)
            question = _QUESTION | {"model": name}
            answer = api.call_api("POST", address, headers, question, _request_timeout=TIMEOUT)
            answer.read()
            if answer.status >= 400:
                # without its words: they may repeat what was asked
                raise TuneGateError("smoke_failed", f"It answers with status {answer.status}.", remedy=_LOG)
        try:
            made = msgspec.json.decode(answer.data, type=_Answer)
        except (msgspec.DecodeError, TypeError) as error:
            raise TuneGateError("smoke_failed", "It answers, and not with a chat completion.") from error
        if made.model != name:
            detail = f"It answers as {made.model[:80]!r}, not with the adapter {name!r}."
            raise TuneGateError("smoke_failed", detail, remedy=_LOG)
        return f"a chat completion of {made.usage.completion_tokens} tokens"

    def delete(self, order: DeploymentOrder) -> None:
        """Workspace and ConfigMap; the controller gives the node back before the Workspace is gone."""
        self._of(order).delete()

    def _of(self, order: DeploymentOrder) -> Objects:
        return Objects(self._cluster, order.plan.name, order.plan.id)

    def _status(self, order: DeploymentOrder, found: dict[str, Any]) -> DeploymentStatus:
        known = conditions(found)
        # nodes are asked for as soon as the controller has seen it
        billed = bool(known)
        if found["metadata"].get("deletionTimestamp"):
            return DeploymentStatus(state="deleting", raw="Deleting", billed=billed)
        if known.get("InferenceReady", {}).get("status") == "True":
            url = f"http://{order.plan.name}.{self._cluster.namespace}/{_ANSWERS}"
            return DeploymentStatus(state="ready", raw=said(found), url=url, billed=billed)
        missing = [f"{name}: {one.get('reason', '')}" for name, one in known.items() if one.get("status") == "False"]
        seen = pod_reasons(self._of(order).pods(f"kaito.sh/workspace={order.plan.name}")) if billed else []
        return DeploymentStatus(state="creating", raw="; ".join([said(found), *missing, *seen]), billed=billed)


class _Usage(msgspec.Struct):
    completion_tokens: int


class _Answer(msgspec.Struct):
    model: str
    choices: list[dict[str, Any]]
    usage: _Usage


def serving_of(order: DeploymentOrder) -> Serving:
    """The serving Workspaces of the namespace that the job ran in."""
    return Serving(cluster_of(msgspec.convert(order.manifest["where"], KaitoSettings)))
