"""A served service whose jobs are followed over HTTP until something happens to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from served import Served

ENDED = {"succeeded", "failed", "cancelled"}


class Following(Served):
    """Jobs by their ids; what is waited for and does not come says what the service logged."""

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.http.post(path, json=body, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def launched(self, plan: Any, key: str) -> str:
        """The job of a plan."""
        return str(self.post("/v1/jobs", {"plan_id": plan["id"]}, headers={"Idempotency-Key": key})["id"])

    def job(self, identifier: str) -> Any:
        return self.http.get(f"/v1/jobs/{identifier}").json()

    def until(self, identifier: str, happened: Callable[[Any], bool], seconds: float = 1500) -> Any:
        deadline = time.monotonic() + seconds
        while not happened(job := self.job(identifier)):
            assert time.monotonic() < deadline, (job, self.log.read_text()[-3000:])
            assert job["state"] not in ENDED, (job, self.log.read_text()[-3000:])
            time.sleep(0.3)
        return job

    def ended(self, identifier: str) -> Any:
        return self.until(identifier, lambda job: job["state"] in ENDED)

    def kill(self) -> None:
        """Without a word, as the machine might."""
        self.http.close()
        self.process.kill()
        self.process.wait(60)
