"""Evaluations of a real service process: carried out, refused, cancelled, killed and gone on with."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable

import pytest
from service_process import BEFORE_KILL, MARKER, Service, gone, wait_for


def test_a_finished_evaluation_is_a_record_that_decisions_use(service: Service) -> None:
    first = service.dataset("rows")
    body = service.body(
        first,
        examples_dataset_id=service.dataset("shown", 6), goal="exact_match>=80%",
        variants=[{"id": "plain"}, {"id": "told", "system": "Be brief.", "example": [{"user": "q", "assistant": "a"}]}],
    )  # fmt: skip
    body["models"][0]["api_key_env"] = "DESK_KEY"
    made = service.evaluate(body, **{"Idempotency-Key": "one"})
    assert service.evaluate(body, **{"Idempotency-Key": "one"})["id"] == made["id"]
    reused = service.http.post("/v1/evaluations", json=service.body(first), headers={"Idempotency-Key": "one"})
    assert (reused.status_code, reused.json()["code"]) == (409, "key_reused")
    done = service.until(made["id"], "succeeded")
    assert done["progress"] == {"asked": 40, "answered": 40, "total": 40}
    record = done["evaluation"]
    assert [(cell["variant"], cell["answered"]) for cell in record["cells"]] == [("plain", 20), ("told", 20)]
    assert record["conclusion"]["status"] == "met"
    assert {header["authorization"] for header in service.endpoint.headers} == {"Bearer s3cret"}
    assert record["data"][0]["path"] == f"{first}.jsonl"
    decision = service.http.post("/v1/decisions", json={"facts": {}, "evaluation_ids": [done["evaluation_id"]]}).json()
    assert {fact["from"] for fact in decision["facts"]} == {f"measured:{record['id']}"}
    page = service.http.get(f"/v1/evaluations/{made['id']}", headers={"Accept": "text/html"})
    assert (page.headers["content-type"].split(";")[0], "The goal is met" in page.text) == ("text/html", True)
    ended = service.http.post(f"/v1/evaluations/{made['id']}/cancel").json()
    assert ended["code"] == "evaluation_finished"
    _require_no_rows_outside_of_data_and_answers(service)


def _require_no_rows_outside_of_data_and_answers(service: Service) -> None:
    """Neither rows nor keys stand in the log, in a database, or in what a process was told and said."""
    everything = [path for path in service.home.rglob("*") if path.is_file()]
    holding = {path for path in everything if MARKER.encode() in path.read_bytes()}
    assert holding == set((service.home / "storage" / "default" / "datasets").glob("*.jsonl"))
    assert not [path for path in everything if b"s3cret" in path.read_bytes()]
    kept = list((service.home / "evaluations").iterdir())
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o700}


def test_a_budget_that_runs_out_is_gone_on_with(service: Service) -> None:
    body = service.body(service.dataset("paid"), budget=50, settings={"max_new_tokens": 5})
    body["models"][0]["usd_per_million"] = {"input": 0, "output": 1_000_000}
    first = service.until(service.evaluate(body)["id"], "succeeded")
    assert (first["asking"]["out_of_budget"], first["asking"]["paid_usd"]) == (True, 50)
    assert (first["evaluation"]["complete"], first["evaluation"]["cells"][0]["answered"]) == (False, 10)
    more = service.until(service.evaluate({**body, "budget": 100, "continues": first["id"]})["id"], "succeeded")
    assert (more["asking"]["asked"], more["asking"]["cached"], more["asking"]["paid_usd"]) == (10, 10, 100)
    listed = service.http.get("/v1/evaluations", params={"limit": 2}).json()
    assert [one["id"] for one in listed["items"]][1] == first["id"]
    assert service.http.get("/v1/evaluations", params={"cursor": listed["next"]}).json()["items"][0]["id"] == more["id"]


def test_everything_that_is_unusable_is_told_at_once(service: Service) -> None:
    body = {
        "dataset_id": "none", "goal": "much", "settings": {"shots": 0, "seeds": 1}, "budget": "1", "kind": 1,
        "variants": [{"retrieval": {}}, {"id": "a", "sistem": "x"}],
        "models": [
            {"folder": "/etc"}, {"job_id": "none"}, {"model": "../.."},
            {"name": "m", "endpoint": "http://127.0.0.1:1/v1"}, {},
        ],
    }  # fmt: skip
    answer = service.http.post("/v1/evaluations", json=body)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, "invalid_input")
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["where"] for one in found["errors"]] == [
        "budget", "settings: seeds", "kind", "dataset_id", "shots",
        "models[1]: folder", "models[2]: job_id", "models[3]: model", "models[5]: endpoint",
        "variants[2]: sistem", "goal", "variant variant-1: retrieval", "models[4]: endpoint",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"endpoint": "http://127.0.0.1:1/v1"}, "models[1]: endpoint"),
        ({"endpoint": "{url}x"}, "models[1]: endpoint"),
        ({"endpoint": "{url}/../other"}, "models[1]: endpoint"),
        ({"endpoint": "{url}/%2e%2e/other"}, "models[1]: endpoint"),
        ({"api_key_env": "HOME"}, "models[1]: api_key_env"),
    ],
)
def test_what_the_operator_does_not_list_is_never_asked(service: Service, changed: dict[str, str], where: str) -> None:
    body = service.body(service.dataset("refused", 2))
    body["models"][0] |= {key: value.format(url=service.endpoint.url) for key, value in changed.items()}
    before = len(service.endpoint.bodies)
    answer = service.http.post("/v1/evaluations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "endpoint_not_allowed")
    assert [one["where"] for one in answer.json()["errors"]] == [where]
    assert len(service.endpoint.bodies) == before


def test_cancelling_ends_the_process_and_keeps_the_answers(service: Service, slow: Callable[[], None]) -> None:
    made = service.evaluate(service.body(service.dataset("cancelled")))["id"]
    wait_for(lambda: len(service.endpoint.bodies) > BEFORE_KILL)
    worker = service.worker(made)
    assert service.http.post(f"/v1/evaluations/{made}/cancel").json()["state"] == "cancelling"
    service.until(made, "cancelled")
    assert gone(worker)
    answers = service.home / "evaluations" / made / "answers" / "answers.jsonl"
    assert answers.read_bytes().count(b"\n") == BEFORE_KILL


def test_rows_that_are_none_end_it_as_failed_by_line(service: Service) -> None:
    content = json.dumps({"messages": []}) + f'\n{{"{MARKER}": 1}}\n'
    stored = service.http.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=content).json()
    error = service.until(service.evaluate(service.body(stored["id"]))["id"], "failed")["error"]
    assert [one["where"] for one in error["errors"]] == [f"{stored['id']}.jsonl:1", f"{stored['id']}.jsonl:2"]
    assert MARKER not in json.dumps(error)


@pytest.mark.parametrize("with_worker", [True, False])
def test_a_killed_service_goes_on_and_asks_nothing_twice(
    service: Service, slow: Callable[[], None], *, with_worker: bool
) -> None:
    made = service.evaluate(service.body(service.dataset(f"killed {with_worker}")))["id"]
    wait_for(lambda: len(service.endpoint.bodies) > BEFORE_KILL)
    answered = service.endpoint.questions[:BEFORE_KILL]
    worker = service.worker(made)
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    if with_worker:
        worker.kill()
        assert gone(worker)
    slow()
    service.start()
    done = service.until(made, "succeeded")
    assert done["evaluation"]["cells"][0]["answered"] == 20
    counts = Counter(service.endpoint.questions)
    assert [counts[one] for one in answered] == [1] * BEFORE_KILL
    assert (len(counts), counts.total()) == (20, 21 if with_worker else 20)
    assert [moment["state"] for moment in done["timeline"]] == ["queued", "running", "succeeded"]
    _require_no_rows_outside_of_data_and_answers(service)
