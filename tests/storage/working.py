"""A service that trains the tiny model, with data nobody could mistake."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
from served import Served
from tiny_model import make_tiny

GUARD_SECONDS = 400
# personal, and nowhere else in the world
MARKS = ("wallaby.tremaine@quokkas.org", "Wallaby Tremaine", "0417-555-083-117")


class Working(Served):
    """One `tunegate serve` whose jobs are followed."""

    def __init__(self, home: Path, **settings: str) -> None:
        home.mkdir(exist_ok=True)
        if not (home / "models" / "base").exists():
            make_tiny(home / "models" / "base")
        super().__init__(home, "--stop-jobs", **settings)

    def upload(self, *, rows: int = 4, **query: str) -> Any:
        return self.post("/v1/datasets", params={"target": "local"} | query, content=personal_rows(rows))

    def launch(self, dataset: str) -> str:
        body = {
            "dataset_id": dataset, "model": "base", "technique": "full",
            "hyperparameters": {"batch_size": 4, "n_epochs": 1}, "outputs": {"onnx": []},
        }  # fmt: skip
        blockers = self.post("/v1/plans", json=body)["blockers"]
        lifted = [{"code": one["code"], "reason": "four rows are enough"} for one in blockers]
        plan = self.post("/v1/plans", json=body | {"overrides": lifted})["id"]
        return str(self.post("/v1/jobs", json={"plan_id": plan})["id"])

    def post(self, path: str, **options: Any) -> Any:
        answer = self.http.post(path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def job(self, identifier: str) -> Any:
        return self.http.get(f"/v1/jobs/{identifier}").json()

    def until(self, job: str, *states: str) -> Any:
        """The job once it is in a state."""
        return self.once(lambda: (seen := self.job(job))["state"] in states and seen, job)

    def once(self, happened: Any, job: str | None = None) -> Any:
        deadline = time.monotonic() + GUARD_SECONDS
        while not (found := happened()):
            seen = None if job is None else self.job(job)
            assert time.monotonic() < deadline, (seen, self.log.read_text()[-2000:])
            assert seen is None or seen["state"] not in {"failed", "cancelled"}, seen
            time.sleep(0.1)
        return found

    def problem(self, answer: httpx.Response, status: int, code: str) -> Any:
        body = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return body


def personal_rows(rows: int = 4) -> bytes:
    """Chats with every mark in every row."""
    told = f"I am {MARKS[1]}, write to {MARKS[0]} or call {MARKS[2]}."
    turns = [{"role": "user", "content": told}, {"role": "assistant", "content": f"Noted, {MARKS[0]}."}]
    return b"".join(json.dumps({"messages": turns, "n": n}).encode() + b"\n" for n in range(rows))


def marked(folder: Path) -> list[str]:
    """Files below a folder that hold a mark, whatever they are."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(mark.encode() in path.read_bytes() for mark in MARKS)
    )
