"""Carries a command job out: code, inputs and outputs as folders of each of its machines, the command as processes."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nodes import Node, ended, environments, stop, stop_for_good

if TYPE_CHECKING:
    from workspace import Workspace

_SYNC_SECONDS = 0.3


class Worker(threading.Thread):
    """One job; `hold` lets a test keep it from starting or from ending."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        super().__init__(daemon=True)
        self._workspace, self._name = workspace, name
        self.job: dict[str, Any] = workspace.jobs[name]["properties"]
        self.output, self.code = "", 0
        self.nodes: list[Node] = []
        # by machine, the paths below the output that it wrote
        self.written: list[set[str]] = []
        self._stopped = False

    def run(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="loopback-"))
        try:
            self._workspace.enter(self._name, "Starting")
            self.nodes = [
                Node(place / f"node{number}", given)
                for number, given in enumerate(environments(self.job, self._name))
            ]  # fmt: skip
            commands = [self._prepared(node.place) for node in self.nodes]
            self._workspace.enter(self._name, "Running")
            self._carry_out(commands)
            status = "Canceled" if self._stopped else "Completed" if self.code == 0 else "Failed"
        except Exception as error:  # noqa: BLE001 - as a service would: the job has failed
            self.output += f"{type(error).__name__}: {error}"
            status = "Failed"
        self._workspace.enter(self._name, status)
        shutil.rmtree(place, ignore_errors=True)

    def stop(self) -> None:
        """As a cancelled job's container is stopped."""
        self._stopped = True
        stop(self._processes)

    @property
    def _processes(self) -> list[Any]:
        return [process for node in self.nodes for process in node.processes]

    def _prepared(self, place: Path) -> str:
        self._write(place / "code", self._code())
        command = str(self.job["command"])
        for name, given in (self.job.get("inputs") or {}).items():
            command = command.replace(f"${{{{inputs.{name}}}}}", str(self._input(place / "in" / name, given)))
        for name in self.job["outputs"]:
            (place / "out" / name).mkdir(parents=True)
            command = command.replace(f"${{{{outputs.{name}}}}}", str(place / "out" / name))
        return command

    def _code(self) -> dict[str, bytes]:
        path = self.job["codeId"].partition("/workspaces/space/")[2]
        container, _, folder = urlsplit(self._workspace.kept[path]["properties"]["codeUri"]).path[1:].partition("/")
        return self._workspace.blobs.under(f"{container}/{folder}/")

    def _input(self, place: Path, given: dict[str, Any]) -> Path:
        asset = self._workspace.kept[given["uri"].partition("/workspaces/space/")[2]]["properties"]
        path = asset["dataUri"].partition("/paths/")[2].rstrip("/")
        from workspace import CONTAINER

        if asset["dataType"] == "uri_file":
            target = place / Path(path).name
            self._write(place, {target.name: self._workspace.blobs.content[f"{CONTAINER}/{path}"]})
            return target
        self._write(place, self._workspace.blobs.under(f"{CONTAINER}/{path}/"))
        return place

    def _carry_out(self, commands: list[str]) -> None:
        if self._stopped:
            return
        for node, command in zip(self.nodes, commands, strict=True):
            node.start(command)
        if self._stopped:
            stop(self._processes)
        while (code := ended(self._processes)) is None:
            time.sleep(_SYNC_SECONDS)
            self._sync()
        if not self._stopped:
            stop_for_good(self._processes)
        for process in self._processes:
            process.wait()
        self.code = code
        self._sync()
        self.written = [node.written("model") for node in self.nodes]
        self.output = "".join(text for node in self.nodes for text in node.logs())

    def _sync(self) -> None:
        from workspace import CONTAINER

        outputs = self.job["outputs"].items()
        below = {name: f"{CONTAINER}/{given['uri'].partition('/paths/')[2].strip('/')}" for name, given in outputs}
        for node in self.nodes:
            node.sync(below, self._workspace.blobs.put)

    @staticmethod
    def _write(folder: Path, files: dict[str, bytes]) -> None:
        for name, body in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(body)
