"""Managed online endpoints of one workspace: what is put is read by the SDK's own models, and a deployment answers.

Each deployment is a real process of our model server over the files of the registered model, as a container would be.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopback import Answer, Asked

if TYPE_CHECKING:
    from workspace import Workspace

KEY = "an-endpoint-key-of-the-loopback"
REGION = "eastus"
_INSIGHTS = re.compile(r"/providers/microsoft\.insights/autoscalesettings/([^/]+)$", re.IGNORECASE)


class Endpoints:
    """By name; `made` counts what was created, `rules` are those of Azure Monitor."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.kept: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, Any] = {}
        self.rules: dict[str, Any] = {}
        self.made: list[str] = []
        # where a test is about the way there and not the model: what stands in the place of a container
        self.container: Callable[[dict[str, bytes]], Any] = Container

    def route(self, asked: Asked, parts: list[str]) -> Answer | None:
        match parts:
            case [name]:
                return self._endpoint(asked, name)
            case [name, "deployments"]:
                found = [one for key, one in self.deployments.items() if key == name]
                return Answer.of({"value": found})
            case [name, "deployments", _]:
                return self._deployment(asked, name)
            case [_, "listKeys"]:
                return Answer.of({"primaryKey": KEY, "secondaryKey": KEY})
        return None

    def insights(self, asked: Asked) -> Answer | None:
        """Rules that add machines."""
        found = _INSIGHTS.search(asked.path)
        if found is None:
            return None
        if asked.method == "PUT":
            self.rules[found[1]] = asked.json
            return Answer.of(asked.json)
        return Answer(200 if self.rules.pop(found[1], None) is not None else 204)

    def answer(self, asked: Asked) -> Answer | None:
        """Requests to the endpoints themselves."""
        name = asked.host.partition(".")[0]
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return Answer.problem(401, "Unauthorized")
        endpoint = self.kept.get(name)
        if endpoint is None or endpoint["properties"]["traffic"] != {"tuned": 100}:
            return Answer.problem(404, "no deployment takes the traffic")
        answer: Answer = self.processes[name].asked(asked)
        return answer

    def close(self) -> None:
        for one in self.processes.values():
            one.end()

    def _endpoint(self, asked: Asked, name: str) -> Answer:
        if asked.method == "PUT":
            new = name not in self.kept
            body = asked.json
            self._workspace.wrong += unknown_of("OnlineEndpoint", body)
            if new:
                self.made.append(name)
            place = f"onlineEndpoints/{name}"
            state = {"provisioningState": "Creating" if new else "Succeeded", "authMode": "Key"}
            address = f"https://{name}.{REGION}.inference.ml.azure.com/v1/chat/completions"
            properties = {"properties": {}, "traffic": {}} | body["properties"] | state | {"scoringUri": address}
            self.kept[name] = self._workspace.stored(place, properties) | _outer(body)
            return Answer.of(self.kept[name], 201)
        if asked.method == "DELETE":
            if self.kept.pop(name, None) is None:
                return Answer(204)
            self.deployments.pop(name, None)
            if name in self.processes:
                self.processes.pop(name).end()
            return Answer(200)
        if name not in self.kept:
            return Answer.problem(404, "ResourceNotFound")
        found = self.kept[name]
        answer = Answer.of(found)
        # made by the next look
        found["properties"]["provisioningState"] = "Succeeded"
        return answer

    def _deployment(self, asked: Asked, name: str) -> Answer:
        if asked.method == "PUT":
            body = asked.json
            self._workspace.wrong += unknown_of("OnlineDeployment", body)
            if name not in self.deployments:  # else it is the same once more
                self.made.append(f"{name}/tuned")
                self.processes[name] = self.container(self._files(body["properties"]["model"]))
            own = {"provisioningState": "Creating", "scaleSettings": {"scaleType": "Default"}}
            properties = {"properties": {}} | body["properties"] | own
            place = f"onlineEndpoints/{name}/deployments/tuned"
            self.deployments[name] = self._workspace.stored(place, properties) | _outer(body)
            return Answer.of(self.deployments[name], 201)
        if name not in self.deployments:
            return Answer.problem(404, "ResourceNotFound")
        found = self.deployments[name]
        found["properties"]["provisioningState"] = self.processes[name].state
        return Answer.of(found)

    def _files(self, model: str) -> dict[str, bytes]:
        from workspace import CONTAINER

        kept = self._workspace.kept[model.partition("/workspaces/space/")[2]]["properties"]
        path = kept["modelUri"].partition("/paths/")[2].strip("/")
        return self._workspace.blobs.under(f"{CONTAINER}/{path}/")


class Canned:
    """Says the same to everybody; `says` None: it does not come up."""

    def __init__(self, says: bytes | None = None, status: int = 200) -> None:
        self._says, self._status = says, status

    @property
    def state(self) -> str:
        return "Failed" if self._says is None else "Succeeded"

    def asked(self, asked: Asked) -> Answer:
        del asked
        return Answer(self._status, self._says or b"", {"Content-Type": "application/json"})

    def end(self) -> None:
        """Nothing runs."""


class Container:
    """One instance."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="loopback-model-"))
        for name, body in files.items():
            path = self._place / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        environment = {"AZUREML_MODEL_DIR": str(self._place), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        self._log = (self._place / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.model_server", "--port", str(self._port)],
            env={"PATH": os.environ["PATH"], "HOME": str(self._place)} | environment,
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def state(self) -> str:
        """As its readiness probe sees it."""
        if self._process.poll() is not None:
            return "Failed"
        try:
            ready = self._ask("GET", "/health/ready", b"", seconds=2)
        except OSError:
            return "Creating"
        return "Succeeded" if ready.status == 200 else "Creating"

    @property
    def output(self) -> str:
        return (self._place / "log").read_text()

    def asked(self, asked: Asked) -> Answer:
        return self._ask(asked.method, asked.path, asked.body)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _ask(self, method: str, path: str, body: bytes, *, seconds: float = 120) -> Answer:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            found = connection.getresponse()
            return Answer(found.status, found.read(), {"Content-Type": "application/json"})
        finally:
            connection.close()


def unknown_of(name: str, body: dict[str, Any]) -> list[str]:
    """Keys that the installed SDK's own model does not know."""
    from azure.ai.ml._restclient.arm_ml_service import models
    from workspace import unknown

    return list(unknown(getattr(models, name)(body), f"{name}."))


def _outer(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("location", "tags", "identity", "sku", "kind") if key in body}
