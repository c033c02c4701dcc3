"""Makes, asks and removes a deployment of a tuned model: by Azure's resource manager, and one chat completion."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.azure_openai.account import account_of
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.azure_openai.talking import talking
from service.launch.targets.deployable import DeploymentOrder, DeploymentStatus
from trainers.contract import Failure

_HOST, _SCOPE, _VERSION = "https://management.azure.com", "https://management.azure.com/.default", "2024-10-01"
_TAG = "tunegate_deployment"
_NOT_FOUND, _RETRIES = 404, 2
_FAILED, _ENDING = {"Failed", "Canceled", "Disabled"}, {"Deleting"}
_SHOWN = 40
# one word in, few tokens out
_QUESTION, _TOKENS = [{"role": "user", "content": "Hello"}], 16


class Hosting:
    """Deployments of one resource."""

    def __init__(self, where: AzureOpenAiSettings) -> None:
        self._where = where

    def create(self, order: DeploymentOrder) -> DeploymentStatus:
        """Make it where it is not there yet; it is known by its name and its tag."""
        found = self._found(order)
        if found is None:
            body = order.manifest["body"] | {"tags": {_TAG: order.plan.id, "tunegate_job": order.plan.job}}
            with talking("making the deployment"):
                self._send("PUT", order, body)
            return DeploymentStatus(state="creating", raw="Accepted")
        return self._status(found)

    def look(self, order: DeploymentOrder) -> DeploymentStatus | None:
        """How it stands."""
        found = self._found(order)
        return None if found is None else self._status(found)

    def smoke(self, order: DeploymentOrder) -> str:
        """One chat completion; tokens are counted, its words are not read."""
        answer = account_of(self._where).ask(
            "asking the model",
            lambda client: client.chat.completions.create(
                model=order.plan.name, messages=_QUESTION, max_completion_tokens=_TOKENS
            ),
        )
        tokens = getattr(getattr(answer, "usage", None), "completion_tokens", None)
        if not getattr(answer, "choices", None) or not isinstance(tokens, int):
            raise TuneGateError("smoke_failed", "It answers with something that is no chat completion.")
        return f"a chat completion of {tokens} tokens"

    def delete(self, order: DeploymentOrder) -> None:
        """Ask for the end; the tuned model itself stays."""
        if self._found(order) is not None:
            with talking("removing the deployment"):
                self._send("DELETE", order, None)

    def _found(self, order: DeploymentOrder) -> dict[str, Any] | None:
        with talking("looking for the deployment"):
            found = self._send("GET", order, None)
        if found is not None and (found.get("tags") or {}).get(_TAG) != order.plan.id:
            remedy = "Remove or rename that deployment in the resource."
            raise TuneGateError("remote_taken", f"{order.plan.name} is a deployment of others.", remedy=remedy)
        return found

    def _status(self, found: dict[str, Any]) -> DeploymentStatus:
        raw = str((found.get("properties") or {}).get("provisioningState"))[:_SHOWN]
        url = f"{self._where.base_url}chat/completions"
        if raw == "Succeeded":
            return DeploymentStatus(state="ready", raw=raw, url=url, billed=True)
        if raw in _FAILED:
            remedy = "Another tier, less capacity, or quota in the resource; its page in the Foundry portal says why."
            error = Failure("deployment_failed", f"Azure says that the deployment is {raw.lower()}.", remedy)
            return DeploymentStatus(state="failed", raw=raw, error=error)
        return DeploymentStatus(state="deleting" if raw in _ENDING else "creating", raw=raw, billed=raw in _ENDING)

    def _send(self, method: str, order: DeploymentOrder, body: dict[str, Any] | None) -> dict[str, Any] | None:
        """The answer; null where there is nothing of that name."""
        from azure.core.pipeline.policies import RetryPolicy
        from azure.core.rest import HttpRequest
        from azure.identity import DefaultAzureCredential
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        address = f"{_HOST}{self._where.resource}/deployments/{order.plan.name}?api-version={_VERSION}"
        signed = ARMChallengeAuthenticationPolicy(DefaultAzureCredential(), _SCOPE)
        # all that is sent may be sent twice
        with ARMPipelineClient(base_url=_HOST, policies=[RetryPolicy(retry_total=_RETRIES), signed]) as client:
            answer = client.send_request(HttpRequest(method, address, json=body))
            if answer.status_code == _NOT_FOUND:
                return None
            answer.raise_for_status()
            content = answer.json() if method == "GET" else {}
        if not isinstance(content, dict):
            raise TuneGateError("target_refused", "Azure's resource manager answers with something else.")
        return content


def hosting_of(order: DeploymentOrder) -> Hosting:
    """The resource that the job ran in."""
    return Hosting(msgspec.convert(order.manifest["where"], AzureOpenAiSettings))
