"""Jobs of a real service end, it is killed before anybody was told, and everybody is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Got, Receiver, until
from trainable import Quick, add_trainable, few_rows


class Service(Quick):
    """A service that may tell one receiver."""

    def __init__(self, home: Path, receiver: Receiver) -> None:
        super().__init__(home, TUNEGATE_WEBHOOKS=receiver.url)

    def post(self, path: str, **options: Any) -> Any:
        answer = self.http.post(path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def launch(self, epochs: int) -> str:
        rows = few_rows(self.home).read_bytes()
        dataset = self.post("/v1/datasets", params={"target": "local"}, content=rows)["id"]
        codes = ("lint_errors", "no_baseline_evaluation")
        body = {
            "dataset_id": dataset, "model": "base", "technique": "lora", "outputs": {"onnx": []},
            "hyperparameters": {"batch_size": 4, "n_epochs": epochs},
            "overrides": [{"code": code, "reason": "four rows are enough"} for code in codes],
        }  # fmt: skip
        return str(self.post("/v1/jobs", json={"plan_id": self.post("/v1/plans", json=body)["id"]})["id"])

    def until(self, job: str, state: str) -> None:
        def entered() -> bool:
            seen = self.http.get(f"/v1/jobs/{job}").json()
            assert seen["state"] != "failed", seen
            return bool(seen["state"] == state)

        until(entered)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)
        self.http.close()


@pytest.fixture
def started() -> Iterator[list[Service]]:
    """What a test started, and ends with it."""
    running: list[Service] = []
    yield running
    for one in running:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    add_trainable(tmp_path)
    return tmp_path


def of(got: list[Got], job: str) -> list[Got]:
    return [one for one in got if one.said["data"]["id"] == job]


def test_a_service_that_is_killed_tells_what_it_had_not_told(home: Path, started: list[Service]) -> None:
    receiver = Receiver()
    started.append(service := Service(home, receiver))
    hook = service.post("/v1/webhooks", json={"url": f"{receiver.url}/hooks"})
    receiver.open.clear()
    job = service.launch(epochs=1)
    service.until(job, "succeeded")
    # the message is on its way, and no answer will come
    until(lambda: receiver.got)
    service.kill()
    receiver.open.set()
    started.append(service := Service(home, receiver))
    until(lambda: len(of(receiver.got, job)) > 1)
    assert len({(one.message, one.body) for one in of(receiver.got, job)}) == 1
    said = receiver.got[-1].verified(hook["secret"])
    assert (said["type"], said["data"]["state"], said["data"]["error_code"]) == ("job.succeeded", "succeeded", None)
    # nobody listens when the next one ends, and the service is killed at once
    receiver.stop()
    cancelled = service.launch(epochs=50)
    service.until(cancelled, "running")
    service.post(f"/v1/jobs/{cancelled}/cancel")
    service.until(cancelled, "cancelled")
    service.kill()
    again = Receiver(receiver.port)
    started.append(service := Service(home, again))
    (got,) = again.until(1)
    assert got.verified(hook["secret"])["type"] == "job.cancelled"
    assert got.said["data"]["id"] == cancelled
    path = f"/v1/webhooks/{hook['id']}/deliveries"
    found = until(lambda: (one := service.http.get(path).json()["items"]) and one[-1]["state"] == "delivered" and one)
    assert [one["state"] for one in found] == ["delivered", "delivered"]
    log = service.log.read_text()
    assert '"outcome":"delivered"' in log
    assert "/hooks" not in log
    assert "Traceback" not in log
    again.stop()
