"""The rule by which Azure adds machines to a deployment under load: a setting of Azure Monitor, which has no SDK here.

Source: learn.microsoft.com, "Autoscale online endpoints" and the REST page of autoscaleSettings (2022-10-01).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.launch.targets.azure_ml.endpoint_plan import DEPLOYMENT
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import talking

_HOST, _SCOPE = "https://management.azure.com", "https://management.azure.com/.default"
_VERSION = "2022-10-01"
_RETRIES = 3
_METRIC = "CpuUtilizationPercentage"
_BUSY_PERCENT, _IDLE_PERCENT = 70, 30


class Autoscale:
    """Rules of one resource group."""

    def __init__(self, where: AzureMlSettings, credential: Callable[[], Any]) -> None:
        self._where, self._credential = where, credential

    def put(self, endpoint: str, low: int, high: int, *, region: str) -> None:
        """Make the rule, or make it anew: it is known by its name.

        Raises:
            TuneGateError: `target_unreachable`, `target_refused`.
        """
        with talking("making the autoscale rule"):
            self._send("PUT", endpoint, self._rule(endpoint, low, high, region))

    def delete(self, endpoint: str) -> None:
        """Remove it; one that is gone needs no removing.

        Raises:
            TuneGateError: `target_unreachable`, `target_refused`.
        """
        with talking("removing the autoscale rule"):
            self._send("DELETE", endpoint, None)

    def _send(self, method: str, endpoint: str, body: dict[str, Any] | None) -> None:
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
        from azure.core.rest import HttpRequest

        group = f"/subscriptions/{self._where.subscription_id}/resourceGroups/{self._where.resource_group}"
        path = f"{group}/providers/Microsoft.Insights/autoscalesettings/{DEPLOYMENT}-{endpoint}"
        policies = [RetryPolicy(retry_total=_RETRIES), BearerTokenCredentialPolicy(self._credential(), _SCOPE)]
        with PipelineClient(_HOST, policies=policies) as client:
            answer = client.send_request(HttpRequest(method, f"{_HOST}{path}?api-version={_VERSION}", json=body))
            if method != "DELETE" or answer.status_code != _NOT_FOUND:
                answer.raise_for_status()

    def _rule(self, endpoint: str, low: int, high: int, region: str) -> dict[str, Any]:
        watched = f"{self._where.resource}/onlineEndpoints/{endpoint}/deployments/{DEPLOYMENT}"
        rules = [
            _change(watched, "GreaterThan", _BUSY_PERCENT, "Increase"),
            _change(watched, "LessThan", _IDLE_PERCENT, "Decrease"),
        ]
        capacity = {"minimum": str(low), "maximum": str(high), "default": str(low)}
        return {
            "location": region,
            "properties": {
                "enabled": True,
                "targetResourceUri": watched,
                "profiles": [{"name": "load", "capacity": capacity, "rules": rules}],
            },
        }


_NOT_FOUND = 404


def _change(watched: str, operator: str, percent: int, direction: str) -> dict[str, Any]:
    return {
        "metricTrigger": {
            "metricName": _METRIC, "metricResourceUri": watched, "timeGrain": "PT1M", "statistic": "Average",
            "timeWindow": "PT5M", "timeAggregation": "Average", "operator": operator, "threshold": percent,
        },
        "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": "PT5M"},
    }  # fmt: skip
