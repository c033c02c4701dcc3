"""`tunegate serve` as a process of its own, and the one endpoint that its evaluations may ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from scripted_endpoint import Endpoint, chat
from served import quiet

ROOT = Path(__file__).resolve().parents[2]
MARKER = "okapi.kilpi@quokkas.org"
BEFORE_KILL = 9


class Service:
    """`tunegate serve` over a data folder, killed and started again at will, with the one endpoint that it may ask."""

    def __init__(self, home: Path, endpoint: Endpoint, **more: str) -> None:
        self.home, self.endpoint, self.more = home, endpoint, more
        self.log = home / "service.log"
        self.start()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
        environment |= {
            "TUNEGATE_HOME": str(self.home), **quiet(self.home), "PYTHONPATH": str(ROOT), "DESK_KEY": "s3cret",
            "TUNEGATE_ENDPOINTS": f"{self.endpoint.url}=DESK_KEY", **self.more,
        }  # fmt: skip
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "serve", "--port", "0", "--stop-jobs"],
                env=environment, stdout=subprocess.PIPE, stderr=sink, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = line[line.index("http://") :].strip()
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def dataset(self, word: str, rows: int = 20) -> str:
        lines = [json.dumps(chat(f"{MARKER} {word} {n}", f"answer {n}")) for n in range(rows)]
        params = {"target": "local", "privacy": "off"}
        answer = self.http.post("/v1/datasets", params=params, content="\n".join(lines) + "\n")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def body(self, dataset: str, **more: Any) -> dict[str, Any]:
        model = {"id": "m", "name": "m", "endpoint": self.endpoint.url, "backoff_s": 0.001, "concurrency": 1}
        return {"dataset_id": dataset, "models": [model], **more}

    def evaluate(self, body: Any, **headers: str) -> Any:
        answer = self.http.post("/v1/evaluations", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/v1/evaluations/{answer.json()['id']}"
        return answer.json()

    def show(self, identifier: str) -> Any:
        return self.http.get(f"/v1/evaluations/{identifier}").json()

    def until(self, identifier: str, state: str) -> Any:
        wait_for(lambda: self.show(identifier)["state"] in {state, "failed", "succeeded", "cancelled"})
        found = self.show(identifier)
        assert found["state"] == state, found
        return found

    def worker(self, identifier: str, kind: str = "evaluations") -> psutil.Process:
        """The process that evaluates, or does other work."""
        record = self.home / kind / identifier / ".work" / "trainer-process.json"
        wait_for(record.exists)
        return psutil.Process(json.loads(record.read_text())["pid"])


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    psutil.wait_procs([process], timeout=120)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
