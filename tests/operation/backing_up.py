"""Carries out the commands of deploy/README.md, keeps a service busy meanwhile, and looks whether all is there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

PAGE = (Path(__file__).resolve().parents[2] / "deploy" / "README.md").read_text()


def documented(name: str) -> str:
    """The commands below a mark of the page."""
    found = re.search(rf"<!-- {name} -->\n```bash\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def carried_out(name: str, **variables: object) -> None:
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", documented(name)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


class Load:
    """Datasets and decisions, stored one after the other until it is stopped."""

    def __init__(self, url: str) -> None:
        self.stored: list[tuple[str, str]] = []
        self._url, self._over = url, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=120, trust_env=False) as http:
            n = 0
            while not self._over.is_set():
                n += 1
                row = {"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "b" * n}]}
                dataset = http.post("/v1/datasets", params={"target": "local"}, content=json.dumps(row) + "\n").json()
                self.stored.append(("datasets", dataset["id"]))
                facts = {"gap.kind": "behaviour", "data.rows": n}
                self.stored.append(("decisions", http.post("/v1/decisions", json={"facts": facts}).json()["id"]))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def everything_is_there(running: Any, stored: list[tuple[str, str]]) -> None:
    for kind, identifier in stored:
        answer = running.http.get(f"/v1/{kind}/{identifier}")
        assert (answer.status_code, answer.json()["id"]) == (200, identifier)


def every_dataset_has_its_bytes(home: Path, records: list[Any]) -> int:
    for record in records:
        content = (home / "storage" / "default" / "datasets" / f"{record['id']}.jsonl").read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"]
    return len(records)


def datasets_of(running: Any, load: Load) -> list[Any]:
    """Those among everything that was ever stored which this service knows."""
    answers = [running.http.get(f"/v1/datasets/{one}") for kind, one in load.stored if kind == "datasets"]
    return [answer.json() for answer in answers if answer.status_code == 200]
