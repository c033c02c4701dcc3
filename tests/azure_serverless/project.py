"""A hub project: the workspace of tests/azure, which takes fine-tuning jobs and hands back the name of a model.

Every job that is put is read by the installed SDK's own models; what it is to read must be stored there.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from blobs import Blobs
from login import login
from loopback import Answer, Asked, Loopback
from workspace import PLACE, Workspace, unknown

_HELD_SECONDS = 300
ROUTE = "2024-10-01-preview"


class Tuner(threading.Thread):
    """One job: it runs until it is let go or told to stop."""

    def __init__(self, project: Project, name: str) -> None:
        super().__init__(daemon=True)
        self._project, self._name = project, name
        self._stopped = threading.Event()

    def run(self) -> None:
        for status in ("Queued", "Preparing", "Running"):
            self._project.enter(self._name, status)
        if self._project.hold:
            self._project.let_go.wait(_HELD_SECONDS)
        self._project.enter(self._name, "Canceled" if self._stopped.is_set() else self._project.ends)

    def stop(self) -> None:
        self._stopped.set()
        self._project.let_go.set()


class Project(Workspace):
    """`ends` is how the next jobs end; with `hold` they run until `let_go`; `registers` is what they name."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs)
        self.ends, self.hold = "Completed", False
        self.let_go = threading.Event()
        self.registers: dict[str, Any] = {"assetVersion": "1"}

    def _put_job(self, name: str, asked: Asked) -> Answer:
        if name in self.jobs:
            return Answer.problem(409, "Conflict")
        properties = asked.json["properties"]
        self.wrong += self._unlike_a_job(properties, asked.query["api-version"])
        job = self.stored(f"jobs/{name}", properties)
        studio = {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}", "status": None}
        job["properties"] |= {"status": "NotStarted", "services": {"Studio": studio}}
        job["properties"]["outputs"]["registered_model"] |= self.registers
        self.jobs[name] = job
        self.started.append(name)
        tuner = Tuner(self, name)
        self.workers[name] = tuner  # type: ignore[assignment]
        tuner.start()
        return Answer.of(job, 201)

    def _unlike_a_job(self, properties: dict[str, Any], version: str) -> list[str]:
        from azure.ai.ml._restclient.arm_ml_service.models import FineTuningJob

        found = list(unknown(FineTuningJob(properties), ""))
        if version != ROUTE:
            found.append(f"api-version {version}")
        details = properties["fineTuningDetails"]
        if (details["modelProvider"], details["taskType"]) != ("Custom", "chatCompletion"):
            found.append("provider or task")
        found += [f"{name} is no text" for name, one in details["hyperParameters"].items() if not isinstance(one, str)]
        for name in ("trainingData", "validationData"):
            uri = (details.get(name) or {}).get("uri")
            if uri is not None and uri.removeprefix(f"{PLACE}/") not in self.kept:
                found.append(f"{name} is not stored: {uri}")
        return found


class Serverless(Loopback):
    """The loopback Azure with one project in it."""

    def __init__(self, folder: Path) -> None:
        self.blobs = Blobs()
        self.project = Project(self.blobs)
        hosts = {
            "login.microsoftonline.com": login, ".blob.core.windows.net": self.blobs,
            "management.azure.com": self.project,
        }  # fmt: skip
        super().__init__(folder, hosts)

    def close(self) -> None:
        self.project.let_go.set()
        super().close()
