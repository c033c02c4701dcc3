"""Monitors of a real service process: a baseline, drift that is told and decided again, a kill, and refusals."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import slots
from receiver import Receiver
from scripted_endpoint import Endpoint, Said, right
from service_process import MARKER, Service, wait_for

from service.client import Client
from service.errors import TuneGateError

ROWS = 60
HOURLY = {"every_seconds": 3_600}
# many looks after monitors
STOOD_STILL_SECONDS = 17


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint, receiver: Receiver) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("home"), endpoint, TUNEGATE_WEBHOOKS=receiver.url)
    yield running
    running.process.terminate()
    running.process.wait(60)


def worse(body: dict[str, Any], number: int) -> Said:
    """Right in half of the rows."""
    said = right(body, number)
    n = int(str(body["messages"][-1]["content"]).split()[-1])
    return said if n % 2 else Said(text="nobody knows")


def make(service: Service, dataset: str, **more: Any) -> dict[str, Any]:
    body = {"name": "desk", "schedule": HOURLY, "evaluation": service.body(dataset)} | more
    answer = service.http.post("/v1/monitors", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/monitors/{made['id']}"
    return made


def due(service: Service, monitor: str) -> None:
    slots.due(f"sqlite:///{service.home / 'tunegate.sqlite'}", monitor)


def runs(service: Service, monitor: str) -> list[dict[str, Any]]:
    return slots.runs(service.http, monitor)


def run_now(service: Service, monitor: str) -> dict[str, Any]:
    """The run of a slot that has come, with its records."""
    count = len(runs(service, monitor))
    due(service, monitor)
    shown = slots.ended(service.http, monitor, count + 1)
    assert shown["state"] == "succeeded", shown
    return shown


def test_drift_is_told_and_decided_again(service: Service, endpoint: Endpoint, receiver: Receiver) -> None:
    hook = service.http.post("/v1/webhooks", json={"url": receiver.url, "events": ["drift.detected"]}).json()
    dataset = service.dataset("watched", ROWS)
    facts = {"gap.kind": "behaviour", "eval.exists": True, "drift.seen": "none"}
    decision = service.http.post("/v1/decisions", json={"facts": facts}).json()
    monitor = make(service, dataset, decision_id=decision["id"], dataset_id=dataset, thresholds={"DRF-100": 0.1})
    assert run_now(service, monitor["id"])["verdict"] == "baseline"
    same = run_now(service, monitor["id"])
    assert (same["verdict"], same["drift"]["findings"], same["redecision_id"]) == ("stable", [], None)
    endpoint.rule = worse
    try:
        drifted = run_now(service, monitor["id"])
    finally:
        endpoint.rule = right
    assert drifted["verdict"] == "drifted"
    assert {"DRF-100", "DRF-101"} <= {one["rule"] for one in drifted["drift"]["findings"]}
    assert all(one["paired"] for one in drifted["drift"]["compared"])
    again = drifted["redecision"]
    assert (again["previous"], again["drift"]) == (decision["id"], drifted["drift_id"])
    changed = {one["name"]: one["after"] for one in again["changed"]}
    assert changed["drift.seen"] == "accuracy-over-time"
    assert changed["data.rows"] == ROWS
    new = service.http.get(f"/v1/decisions/{again['decision']}").json()
    assert again["changes_answer"] == (new["answer"] != decision["answer"])
    wait_for(lambda: bool(receiver.got))
    (got,) = receiver.got
    told = got.verified(hook["secret"])
    assert (told["type"], told["data"]["drift_id"]) == ("drift.detected", drifted["drift_id"])
    assert told["data"]["redecision_id"] == drifted["redecision_id"]
    assert (told["data"]["evaluation_id"], told["data"]["dataset_id"]) == (again["rests_on"][0], None)
    assert MARKER not in f"{got.body!r}{drifted}"


def test_a_killed_service_ends_the_run_once(service: Service, endpoint: Endpoint) -> None:
    monitor = make(service, service.dataset("killed", ROWS))
    endpoint.bodies.clear()
    due(service, monitor["id"])
    wait_for(lambda: len(endpoint.bodies) > 5)
    service.process.kill()
    service.process.wait(60)
    service.start()
    wait_for(lambda: [one["state"] for one in runs(service, monitor["id"])] == ["succeeded"])
    (run,) = runs(service, monitor["id"])
    assert run["verdict"] == "baseline"
    asked_for = [one["id"] for one in service.http.get("/v1/evaluations", params={"limit": 500}).json()["items"]]
    assert asked_for.count(run["evaluation"]) == 1
    # what was answered before the kill was not asked for again
    assert len(endpoint.bodies) <= ROWS + 2
    assert service.http.get(f"/v1/monitors/{monitor['id']}").json()["baseline"] == run["evaluation"]


def test_a_service_that_stood_still_tells_of_no_outage(service: Service) -> None:
    monitor = make(service, service.dataset("still"))
    due(service, monitor["id"])
    wait_for(lambda: bool(runs(service, monitor["id"])))
    service.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(STOOD_STILL_SECONDS)
    finally:
        service.process.send_signal(signal.SIGCONT)
    run = slots.ended(service.http, monitor["id"], 1)
    assert (run["verdict"], run["retries"], run["waited_for"]) == ("baseline", 0, None)


def test_everything_that_is_unusable_is_told_at_once(service: Service) -> None:
    body = {
        "name": "x", "schedule": {"cron": "* * * * *"}, "evaluation": {"dataset_id": "none", "models": []},
        "baseline": "none", "thresholds": {"DRF-100": 2, "DRF-101": 0, "DRF-1": 0.1}, "measures": ["bleurt"],
        "dataset_id": "none",
    }  # fmt: skip
    answer = service.http.post("/v1/monitors", json=body)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, "invalid_input")
    assert [one["where"] for one in found["errors"]] == [
        "schedule.cron", "measures: bleurt", "dataset_id", "dataset_id", "baseline", "thresholds.DRF-100",
        "thresholds.DRF-101", "thresholds.DRF-1", "evaluation.models",
    ]  # fmt: skip
    data = {"from": "az://elsewhere/x", "target": "nobody", "sort": "up"}
    body = {"name": "x", "schedule": HOURLY, "data": data, "evaluation": {}, "measures": ["exact_match"]}
    found = service.http.post("/v1/monitors", json=body).json()
    assert [one["where"] for one in found["errors"]][:2] == ["measures", "evaluation"]
    assert {"data.sort", "data.from"} <= {one["where"] for one in found["errors"]}
    wild = {"name": "x", "schedule": HOURLY, "evaluation": service.body(service.dataset("wild"))}
    wild["evaluation"]["models"][0]["endpoint"] = "http://127.0.0.1:9/v1"
    refused = service.http.post("/v1/monitors", json=wild)
    assert (refused.status_code, refused.json()["code"]) == (403, "endpoint_not_allowed")


def test_a_fall_that_the_baseline_has_no_room_for_is_refused(service: Service, endpoint: Endpoint) -> None:
    dataset = service.dataset("low", ROWS)
    endpoint.rule = worse
    try:
        baseline = service.until(service.evaluate(service.body(dataset))["id"], "succeeded")["id"]
    finally:
        endpoint.rule = right
    body = {"name": "x", "schedule": HOURLY, "evaluation": service.body(dataset), "baseline": baseline,
            "measures": ["exact_match"], "thresholds": {"DRF-100": 0.7}}  # fmt: skip
    answer = service.http.post("/v1/monitors", json=body)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["where"]) == (422, "thresholds.DRF-100")
    assert "exact_match by 0.500" in error["allowed"]


def test_a_monitor_that_is_removed_is_gone_with_its_runs(service: Service) -> None:
    monitor = make(service, service.dataset("gone"))
    assert service.http.delete(f"/v1/monitors/{monitor['id']}").status_code == 204
    for path in ("", "/runs", f"/runs/{monitor['id']}"):
        assert service.http.get(f"/v1/monitors/{monitor['id']}{path}").status_code == 404
    names = [one["id"] for one in service.http.get("/v1/monitors").json()["items"]]
    assert monitor["id"] not in names
    assert Path(service.home / "evaluations").is_dir()


def test_the_client_makes_reads_and_removes_one(service: Service) -> None:
    evaluation = service.body(service.dataset("client", ROWS))
    with Client(service.url) as client:
        made = client.create_monitor("desk", schedule=HOURLY, evaluation=evaluation)
        assert client.monitor(made.id) in list(client.monitors())
        due(service, made.id)
        wait_for(lambda: any(True for _ in client.monitor_runs(made.id)))
        (run,) = client.monitor_runs(made.id)
        assert client.monitor_run(made.id, run.id).id == run.id
        client.delete_monitor(made.id)
        with pytest.raises(TuneGateError) as raised:
            client.monitor(made.id)
        assert raised.value.code == "unknown_id"
