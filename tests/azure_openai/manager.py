"""Azure's resource manager, as far as deployments of one account go."""

from __future__ import annotations

import re
from typing import Any

from loopback import Answer, Asked

from tests.azure_openai.service import Account

RESOURCE = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    "/providers/Microsoft.CognitiveServices/accounts/desk"
)
_PATH = re.compile(re.escape(RESOURCE) + r"/deployments/([A-Za-z0-9_.-]{2,64})")
_TIERS = {"DeveloperTier", "Standard", "GlobalStandard"}


class Manager:
    """Deployments by name; each is ready at the second look."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.kept: dict[str, dict[str, Any]] = {}
        self.made: list[str] = []
        self.wrong: list[str] = []

    def __call__(self, asked: Asked) -> Answer | None:
        if not asked.headers.get("authorization", "").startswith("Bearer "):
            return Answer.problem(401, "AuthenticationFailed")
        found = _PATH.fullmatch(asked.path)
        if found is None or asked.query.get("api-version") != "2024-10-01":
            return None
        name = found[1]
        if asked.method == "PUT":
            return self._put(name, asked.json)
        if name not in self.kept:
            return Answer.problem(404, "DeploymentNotFound")
        if asked.method == "DELETE":
            del self.kept[name], self._account.deployed[name]
            return Answer(202)
        one = self.kept[name]
        answer = Answer.of(one)
        self._account.deployed[name] = one["properties"]["model"]["name"]
        one["properties"] = one["properties"] | {"provisioningState": "Succeeded"}
        return answer

    def _put(self, name: str, body: dict[str, Any]) -> Answer:
        models = [job["fine_tuned_model"] for job in self._account.jobs.values()]
        asked = body["properties"]["model"]
        if (
            body["sku"]["name"] not in _TIERS
            or body["sku"]["capacity"] < 1
            or set(body) != {"sku", "properties", "tags"}
        ):
            self.wrong.append(str(body))
        if (
            asked["format"] != "OpenAI"
            or asked["version"] != "1"
            or not any(asked["name"].startswith(str(one)) for one in models)
        ):
            self.wrong.append(str(asked))
        if name not in self.kept:
            self.made.append(name)
        properties = body["properties"] | {"provisioningState": "Creating"}
        self.kept[name] = {"id": f"{RESOURCE}/deployments/{name}", "name": name} | body | {"properties": properties}
        return Answer.of(self.kept[name], 201)
