"""Makes, asks and removes a managed online endpoint by Azure's own SDK; a call does the next thing that is missing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.azure_ml.autoscale import Autoscale
from service.launch.targets.azure_ml.endpoint_plan import ANSWERS, DEPLOYMENT, LIVE, PORT, READY
from service.launch.targets.azure_ml.outputs import Outputs
from service.launch.targets.azure_ml.plan import TAG
from service.launch.targets.azure_ml.registering import require_registered
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import found, talking, word
from service.launch.targets.deployable import DeploymentOrder, DeploymentStatus
from service.records.identity import canonical_json
from trainers.contract import Failure

_FAILED = {"Failed", "Canceled"}
_LOG_LINES = 50
# one word in, few tokens out
_QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}


class Endpoint:
    """Endpoints of one workspace; safe for several threads."""

    def __init__(
        self, where: AzureMlSettings, ml: Callable[[], Any], credential: Callable[[], Any], outputs: Outputs
    ) -> None:
        self._where, self._ml, self._outputs = where, ml, outputs
        self._autoscale = Autoscale(where, credential)

    def create(self, order: DeploymentOrder) -> DeploymentStatus:
        """Model, environment, endpoint, deployment, traffic, autoscale: what is missing first, and one at a time."""
        endpoint = self._endpoint(order)
        if endpoint is None:
            with talking("looking for the registered model"):
                self._model(order)
            with talking("making the environment"):
                self._environment(order)
            with talking("making the endpoint"):
                self._made(self._ml().online_endpoints.begin_create_or_update(self._new_endpoint(order)))
            return DeploymentStatus(state="creating", raw="endpoint: Creating")
        if (state := _state(endpoint)) != "Succeeded":
            return _pending("endpoint", state, url=None)
        deployment = self._deployment(order)
        if deployment is None:
            with talking("making the deployment"):
                self._made(self._ml().online_deployments.begin_create_or_update(self._new_deployment(order)))
            return DeploymentStatus(state="creating", raw="deployment: Creating", billed=True)
        if (state := _state(deployment)) != "Succeeded":
            return self._failed(order) if state in _FAILED else _pending("deployment", state, url=None, billed=True)
        if endpoint.traffic != {DEPLOYMENT: 100}:
            endpoint.traffic = {DEPLOYMENT: 100}
            with talking("leading the traffic"):
                self._made(self._ml().online_endpoints.begin_create_or_update(endpoint))
            return DeploymentStatus(state="creating", raw="traffic: Updating", billed=True)
        low, high = order.manifest["instances"]
        if high > low:
            with talking("asking for the workspace"):
                region = str(self._ml().workspaces.get(self._where.workspace).location)
            self._autoscale.put(order.plan.name, low, high, region=region)
        return DeploymentStatus(state="ready", raw=state, url=endpoint.scoring_uri, billed=True)

    def look(self, order: DeploymentOrder) -> DeploymentStatus | None:
        """The state of endpoint and deployment together."""
        endpoint = self._endpoint(order)
        if endpoint is None:
            return None
        if (state := _state(endpoint)) == "Deleting":
            return DeploymentStatus(state="deleting", raw=state, billed=True)
        deployment = self._deployment(order)
        inner = "Missing" if deployment is None else _state(deployment)
        if state == inner == "Succeeded":
            return DeploymentStatus(state="ready", raw=state, url=endpoint.scoring_uri, billed=True)
        broken = inner in {*_FAILED, "Missing"} or state in _FAILED
        raw = f"endpoint: {state}, deployment: {inner}"
        return DeploymentStatus(state="failed" if broken else "creating", raw=raw, billed=deployment is not None)

    def smoke(self, order: DeploymentOrder) -> str:
        """One request through the endpoint with its key, by the SDK's own client."""
        with tempfile.NamedTemporaryFile("wb", suffix=".json") as asked:
            asked.write(canonical_json(_QUESTION))
            asked.flush()
            with talking("asking the model"):
                said = self._ml().online_endpoints.invoke(order.plan.name, request_file=asked.name)
        try:
            answer = msgspec.json.decode(said, type=_Answer)
        except msgspec.DecodeError as error:
            detail = f"It answers {len(said)} characters that are no chat completion."
            raise TuneGateError(
                "smoke_failed", detail, remedy="Is serving_image that of deploy/model.Dockerfile?"
            ) from error
        return f"a chat completion of {answer.usage.completion_tokens} tokens"

    def delete(self, order: DeploymentOrder) -> None:
        """The endpoint with all that is in it, and the rule that adds machines; the registered model stays."""
        if self._endpoint(order) is None:
            return
        if order.manifest["instances"][1] > order.manifest["instances"][0]:
            self._autoscale.delete(order.plan.name)
        try:
            with talking("removing the endpoint"):
                self._made(self._ml().online_endpoints.begin_delete(order.plan.name))
        except TuneGateError as error:
            if error.code != "remote_gone":
                raise

    def _endpoint(self, order: DeploymentOrder) -> Any:
        try:
            with talking("looking for the endpoint"):
                one = self._ml().online_endpoints.get(order.plan.name)
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise
        if (one.tags or {}).get(TAG) != order.plan.id:
            remedy = "Remove or rename that endpoint in the workspace."
            raise TuneGateError("remote_taken", f"{order.plan.name} is an endpoint that is not ours.", remedy=remedy)
        return one

    def _deployment(self, order: DeploymentOrder) -> Any:
        try:
            with talking("looking for the deployment"):
                return self._ml().online_deployments.get(DEPLOYMENT, order.plan.name)
        except TuneGateError as error:
            if error.code == "remote_gone":
                return None
            raise

    def _model(self, order: DeploymentOrder) -> None:
        given = order.manifest
        run, job = given["run"], order.plan.job
        require_registered(self._ml(), self._outputs, self._where, given["model"], run=run, job=job)

    def _environment(self, order: DeploymentOrder) -> None:
        from azure.ai.ml.entities import Environment

        given, environments = order.manifest["environment"], self._ml().environments
        if found(lambda: environments.get(given["name"], "1")) is None:
            routes = {
                name: {"port": PORT, "path": path}
                for name, path in (("liveness_route", LIVE), ("readiness_route", READY), ("scoring_route", ANSWERS))
            }
            made = Environment(name=given["name"], version="1", image=given["image"], inference_config=routes)
            environments.create_or_update(made)

    def _new_endpoint(self, order: DeploymentOrder) -> Any:
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        tags = {TAG: order.plan.id, "tunegate_job": order.plan.job}
        return ManagedOnlineEndpoint(name=order.plan.name, auth_mode="key", tags=tags)

    def _new_deployment(self, order: DeploymentOrder) -> Any:
        from azure.ai.ml.entities import ManagedOnlineDeployment, OnlineRequestSettings

        given = order.manifest
        return ManagedOnlineDeployment(
            name=DEPLOYMENT,
            endpoint_name=order.plan.name,
            model=f"azureml:{given['model']['name']}:{given['model']['version']}",
            environment=f"azureml:{given['environment']['name']}:1",
            instance_type=given["instance_type"],
            instance_count=given["instances"][0],
            request_settings=OnlineRequestSettings(
                request_timeout_ms=given["request"]["timeout_ms"],
                max_concurrent_requests_per_instance=given["request"]["at_once"],
            ),
            tags={TAG: order.plan.id},
        )

    def _failed(self, order: DeploymentOrder) -> DeploymentStatus:
        remedy = f"az ml online-deployment get-logs --name {DEPLOYMENT} --endpoint-name {order.plan.name} says why."
        error = Failure("deployment_failed", "Azure could not start the deployment's machines or the model.", remedy)
        return DeploymentStatus(state="failed", raw="deployment: Failed", billed=True, error=error)

    @staticmethod
    def _made(poller: Any) -> None:
        """What was asked for goes on by itself: a later look says how."""
        del poller


class _Usage(msgspec.Struct):
    completion_tokens: int


class _Answer(msgspec.Struct):
    choices: list[dict[str, Any]]
    usage: _Usage


def endpoint_of(order: DeploymentOrder) -> Endpoint:
    """The endpoints of the workspace that the job ran in."""
    from service.launch.targets.registry import azure_ml

    return azure_ml(msgspec.convert(order.manifest["where"], AzureMlSettings)).endpoint


def _state(one: Any) -> str:
    return word(one.provisioning_state)


def _pending(what: str, state: str, *, url: str | None, billed: bool = False) -> DeploymentStatus:
    raw = f"{what}: {state}"
    if state in _FAILED:
        error = Failure("deployment_failed", f"Azure says that the {what} {state.lower()}.", "The studio says why.")
        return DeploymentStatus(state="failed", raw=raw, url=url, billed=billed, error=error)
    return DeploymentStatus(state="creating", raw=raw, url=url, billed=billed)
