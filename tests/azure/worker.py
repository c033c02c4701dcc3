"""Carries a command job out: code, inputs and outputs as folders of this machine, the command as a real process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._synced: dict[Path, tuple[int, int]] = {}

    def run(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="loopback-"))
        try:
            self._workspace.enter(self._name, "Starting")
            command = self._prepared(place)
            self._workspace.enter(self._name, "Running")
            self._carry_out(command, place)
            ended = "Canceled" if self._stopped else "Completed" if self.code == 0 else "Failed"
        except Exception as error:  # noqa: BLE001 - as a service would: the job has failed
            self.output += f"{type(error).__name__}: {error}"
            ended = "Failed"
        self._workspace.enter(self._name, ended)
        shutil.rmtree(place, ignore_errors=True)

    def stop(self) -> None:
        """As a cancelled job's container is stopped."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)

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

    def _carry_out(self, command: str, place: Path) -> None:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= (self.job.get("environmentVariables") or {}) | {"AZUREML_RUN_ID": self._name}
        if self._stopped:
            return
        with (place / "log").open("w+") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", command], cwd=place / "code", env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
            running = True
            while running:
                try:
                    self._process.wait(_SYNC_SECONDS)
                    running = False
                except subprocess.TimeoutExpired:
                    self._sync(place / "out")
            log.seek(0)
            self.output = log.read()
        self.code = self._process.returncode
        self._sync(place / "out")

    def _sync(self, out: Path) -> None:
        """A mount: what is written there stands in the datastore soon."""
        from workspace import CONTAINER

        for name, given in self.job["outputs"].items():
            below = given["uri"].partition("/paths/")[2].strip("/")
            for path in (out / name).rglob("*"):
                seen = (path.stat().st_mtime_ns, path.stat().st_size)
                if path.is_file() and self._synced.get(path) != seen:
                    self._synced[path] = seen
                    blob = f"{CONTAINER}/{below}/{path.relative_to(out / name).as_posix()}"
                    self._workspace.blobs.put(blob, path.read_bytes())

    @staticmethod
    def _write(folder: Path, files: dict[str, bytes]) -> None:
        for name, body in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(body)
