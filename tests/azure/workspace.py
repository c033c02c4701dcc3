"""One workspace: resource manager and data plane of Azure Machine Learning, as far as command jobs need them.

Every job that is put is read by the installed SDK's own models, and must come back from them as it was.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from blobs import Blobs
from endpoints import Endpoints
from loopback import Answer, Asked
from worker import Worker

KEY = base64.b64encode(b"the account key of the loopback storage").decode()
ACCOUNT, CONTAINER = "loopback", "workspace-blobs"
PLACE = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    "/providers/Microsoft.MachineLearningServices/workspaces/space"
)
CLUSTER, SIZE = "gpu-cluster", "Standard_NC24ads_A100_v4"
FAMILY = "standardNCADSA100v4Family"
ENDED = {"Completed", "Failed", "Canceled"}


class Workspace:
    """What was put, by its path below the workspace; `jobs` by name."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.kept: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.workers: dict[str, Worker] = {}
        self.started: list[str] = []
        self.wrong: list[str] = []
        self.quota = 48
        self.clusters: list[str] = []
        self.endpoints = Endpoints(self)
        self._lock = threading.RLock()

    def __call__(self, asked: Asked) -> Answer | None:
        if not asked.headers.get("authorization", "").startswith("Bearer "):
            return Answer.problem(401, "Unauthorized")
        if (found := self.endpoints.insights(asked)) is not None:
            return found
        if (found := self._region(asked)) is not None:
            return found
        if not asked.path.lower().startswith(PLACE.lower()):
            return Answer.problem(404, "ResourceNotFound")
        parts = [part for part in asked.path[len(PLACE) :].split("/") if part]
        with self._lock:
            return self._route(asked, parts)

    def _route(self, asked: Asked, parts: list[str]) -> Answer | None:  # noqa: C901 - one line a route
        match parts:
            case []:
                return Answer.of(_workspace())
            case ["jobs", name] if asked.method == "PUT":
                return self._put_job(name, asked)
            case ["jobs", name] if asked.method == "GET":
                return Answer.of(self.jobs[name]) if name in self.jobs else Answer.problem(404, "UserError")
            case ["jobs", name, "cancel"]:
                return self._cancel(name)
            case ["jobs", _, "cancelresult"]:
                return Answer.of({})
            case ["onlineEndpoints", *rest]:
                return self.endpoints.route(asked, rest)
            case ["datastores", *rest]:
                return _datastore(rest)
            case ["computes", name]:
                return self._cluster(asked, name)
            case [_, _, "versions", _, "startPendingUpload"]:
                return Answer.of(_pending(parts[1]))
            case [_, _, "versions", _]:
                return self._asset(asked, "/".join(parts))
            case [_, _, "versions"]:
                return Answer.of({"value": []})
        return None

    def _cluster(self, asked: Asked, name: str) -> Answer:
        if asked.method == "PUT":
            self.clusters.append(name)
            made = _compute()
            made["properties"] |= {
                "provisioningState": "Creating",
                "properties": asked.json["properties"]["properties"],
            }
            self.kept[f"computes/{name}"] = made | {"name": name}
            return Answer.of(self.kept[f"computes/{name}"], 201)
        if name == CLUSTER:
            return Answer.of(_compute())
        if (kept := self.kept.get(f"computes/{name}")) is None:
            return Answer.problem(404, "ResourceNotFound")
        answer = Answer.of(kept)
        # made by the next look
        kept["properties"]["provisioningState"] = "Succeeded"
        return answer

    def _region(self, asked: Asked) -> Answer | None:
        """Sizes of the region and quota of the subscription."""
        if asked.path.endswith("/locations/eastus/vmSizes"):
            one = {"name": SIZE, "family": FAMILY, "vCPUs": 24, "gpus": 1, "supportedComputeTypes": ["AmlCompute"]}
            return Answer.of({"value": [one]})
        if asked.path.endswith("/locations/eastus/usages"):
            one = {"name": {"value": FAMILY}, "currentValue": 0, "limit": self.quota, "unit": "Count"}
            return Answer.of({"value": [one]})
        return None

    def _asset(self, asked: Asked, path: str) -> Answer:
        if asked.method == "PUT":
            # the SDK reads a model's flavors without a look
            more: dict[str, Any] = {"flavors": {}} if path.startswith("models/") else {}
            self.kept[path] = self.stored(path, asked.json["properties"] | more)
            return Answer.of(self.kept[path], 201)
        return Answer.of(self.kept[path]) if path in self.kept else Answer.problem(404, "NotFound")

    def stored(self, path: str, properties: dict[str, Any]) -> dict[str, Any]:
        when = "2026-11-22T00:00:00Z"
        created = {"createdAt": when, "createdBy": "tester", "createdByType": "User", "lastModifiedAt": when}
        return {
            "id": f"{PLACE}/{path}", "name": path.rpartition("/")[2], "type": "loopback", "systemData": created,
            "properties": properties,
        }  # fmt: skip

    def _put_job(self, name: str, asked: Asked) -> Answer:
        if name in self.jobs:
            return Answer.problem(409, "Conflict")
        self.wrong += _unlike_the_sdk(asked.json["properties"])
        job = self.stored(f"jobs/{name}", asked.json["properties"])
        studio = {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}", "status": None}
        job["properties"] |= {"status": "NotStarted", "services": {"Studio": studio}}
        self.jobs[name] = job
        self.started.append(name)
        self.workers[name] = Worker(self, name)
        self.workers[name].start()
        return Answer.of(job, 201)

    def _cancel(self, name: str) -> Answer:
        job = self.jobs.get(name)
        if job is None:
            return Answer.problem(404, "UserError")
        if job["properties"]["status"] in ENDED:
            return Answer.problem(400, "UserError", "the job has ended")
        job["properties"]["status"] = "CancelRequested"
        self.workers[name].stop()
        where = f"https://management.azure.com{PLACE}/jobs/{name}/cancelresult?api-version=2023-04-01-preview"
        return Answer(202, b"", {"Location": where, "Retry-After": "0"})

    def enter(self, name: str, status: str) -> None:
        """Set a job's state, unless it was deleted or asked to end."""
        with self._lock:
            job = self.jobs.get(name)
            if job is not None and (status in ENDED or job["properties"]["status"] != "CancelRequested"):
                job["properties"]["status"] = status

    def delete(self, name: str) -> None:
        with self._lock:
            del self.jobs[name]
        self.workers[name].stop()


def _unlike_the_sdk(properties: dict[str, Any]) -> list[str]:
    """Keys that the installed SDK's own model of a command job, or of a part of it, does not know."""
    from azure.ai.ml._restclient.arm_ml_service.models import CommandJob

    return list(unknown(CommandJob(properties), ""))


def unknown(model: Any, where: str) -> Iterator[str]:
    known = {field._rest_name: name for name, field in model._attr_to_rest_field.items()}
    for key in model:
        if key not in known:
            yield f"{where}{key}"
            continue
        value = getattr(model, known[key])
        for name, part in value.items() if isinstance(value, dict) else [("", value)]:
            if hasattr(part, "_attr_to_rest_field"):
                yield from unknown(part, f"{where}{key}.{name}")


def _workspace() -> dict[str, Any]:
    return {
        "id": PLACE, "name": "space", "type": "Microsoft.MachineLearningServices/workspaces", "location": "eastus",
        "kind": "Default", "identity": {"type": "SystemAssigned"}, "tags": {},
        "properties": {
            "workspaceId": str(uuid.uuid5(uuid.NAMESPACE_URL, PLACE)), "friendlyName": "space",
            "discoveryUrl": "https://eastus.api.azureml.ms/discovery", "provisioningState": "Succeeded",
            "mlFlowTrackingUri": "azureml://eastus.api.azureml.ms/mlflow", "storageAccount": "loopback",
        },
    }  # fmt: skip


def _datastore(rest: list[str]) -> Answer:
    if rest[-1:] == ["listSecrets"]:
        return Answer.of({"secretsType": "AccountKey", "key": KEY})
    if rest and rest[0] not in {"workspaceblobstore", "workspaceartifactstore"}:
        return Answer.problem(404, "UserError")
    one = {
        "id": f"{PLACE}/datastores/workspaceblobstore", "name": "workspaceblobstore", "type": "loopback",
        "properties": {
            "datastoreType": "AzureBlob", "isDefault": True, "accountName": ACCOUNT, "containerName": CONTAINER,
            "endpoint": "core.windows.net", "protocol": "https", "tags": {}, "properties": {},
            "credentials": {"credentialsType": "AccountKey", "secrets": None},
        },
    }  # fmt: skip
    return Answer.of(one if rest else {"value": [one]})


def _compute() -> dict[str, Any]:
    inner = {"vmSize": SIZE, "vmPriority": "Dedicated", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}}
    return {
        "id": f"{PLACE}/computes/{CLUSTER}", "name": CLUSTER, "location": "eastus", "type": "loopback",
        "properties": {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": inner},
    }  # fmt: skip


def _pending(code: str) -> dict[str, Any]:
    address = f"https://{ACCOUNT}.blob.core.windows.net/code-{code}"
    return {
        "pendingUploadId": str(uuid.uuid4()), "pendingUploadType": "TemporaryBlobReference",
        "blobReferenceForConsumption": {
            "blobUri": address, "storageAccountArmId": "loopback",
            "credential": {"credentialType": "SAS", "sasUri": f"{address}?sv=2024&sig=loopback-signature&sp=rwl"},
        },
    }  # fmt: skip
