"""A real service with one finished job, shared by the tests of the route and of the command."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
from served import Served
from tiny_model import make_tiny


def command_of(process: psutil.Process) -> str:
    """Its command line; nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Service(Served):
    """A service of which `job` has succeeded, and `other` was cancelled."""

    flags = ("--stop-jobs",)
    job: str
    other: str

    def client(self, job: str | None = None) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(trust_env=False)
        return openai.OpenAI(
            base_url=f"{self.url}/v1/jobs/{job or self.job}", api_key="none", max_retries=0, http_client=http
        )

    def run(self) -> Path:
        return self.home / "runs" / self.job

    def launch(self) -> str:
        """A job on four rows: the tuned model, and its ONNX."""
        turns = [("user", "What about the quokka?"), ("assistant", "The quokka is here.")]
        row = {"messages": [{"role": role, "content": content} for role, content in turns]}
        data = b"".join(json.dumps(row | {"n": n}).encode() + b"\n" for n in range(4))
        dataset = self.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=data)
        body = {
            "dataset_id": dataset["id"], "model": "base", "technique": "full",
            "hyperparameters": {"batch_size": 4, "n_epochs": 1}, "outputs": {"onnx": ["fp32"]},
            "overrides": [
                {"code": code, "reason": "four rows are enough"} for code in ("lint_errors", "no_baseline_evaluation")
            ],
        }  # fmt: skip
        return str(self.post("/v1/jobs", json={"plan_id": self.post("/v1/plans", json=body)["id"]})["id"])

    def post(self, path: str, **options: Any) -> Any:
        answer = self.http.post(path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def until(self, job: str, state: str) -> None:
        deadline = time.monotonic() + 200
        while (seen := self.http.get(f"/v1/jobs/{job}").json())["state"] != state:
            assert time.monotonic() < deadline, seen
            assert seen["state"] != "failed", seen
            time.sleep(0.1)

    def answering(self) -> list[psutil.Process]:
        """The processes that answer."""
        children = psutil.Process(self.process.pid).children()
        return [one for one in children if "trainers.answering" in command_of(one)]

    def stop(self) -> None:
        answering = self.answering()
        super().stop()
        assert not psutil.wait_procs(answering, timeout=60)[1]


@pytest.fixture(scope="session")
def freeze() -> Callable[[int], None]:
    """Stops a process and returns once all of its threads stand still; SIGCONT lets it go on."""

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while any(
            stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return stop


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from _with_jobs(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same for a module that may remove its jobs."""
    yield from _with_jobs(tmp_path_factory.mktemp("own"))


def _with_jobs(home: Path) -> Iterator[Service]:
    make_tiny(home / "models" / "base")
    running = Service(home)
    try:
        running.job, running.other = running.launch(), running.launch()
        running.http.post(f"/v1/jobs/{running.other}/cancel")
        running.until(running.other, "cancelled")
        running.until(running.job, "succeeded")
        yield running
    finally:
        running.stop()
