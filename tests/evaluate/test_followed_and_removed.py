"""Evaluations of a real service process: followed as events, and removed with all that was kept of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
from service_process import BEFORE_KILL, Service, gone, wait_for

Told = list[tuple[str, str, Any]]


def told(service: Service, identifier: str, after: str | None = None, begun: threading.Event | None = None) -> Told:
    """The events up to the end of the stream; sets `begun` with the first."""
    headers = {} if after is None else {"Last-Event-ID": after}
    found, fields = [], dict[str, str]()
    with service.http.stream("GET", f"/v1/evaluations/{identifier}/events", headers=headers) as answer:
        assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if not line and "data" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
                if begun is not None:
                    begun.set()
    return found


def remove(service: Service, identifier: str) -> httpx.Response:
    return service.http.delete(f"/v1/evaluations/{identifier}")


def test_events_tell_how_far_it_is_until_it_ends(service: Service, slow: Callable[[], None]) -> None:
    made = service.evaluate(service.body(service.dataset("followed")))["id"]
    seen: list[Told] = []
    reader = threading.Thread(target=lambda: seen.append(told(service, made)))
    reader.start()
    wait_for(lambda: service.show(made)["progress"]["asked"] > 0)
    slow()
    service.until(made, "succeeded")
    reader.join(60)
    (events,) = seen
    assert [data["state"] for _, event, data in events if event != "progress"] == ["queued", "running", "succeeded"]
    asked = [data["asked"] for _, event, data in events if event == "progress"]
    assert asked == sorted(set(asked))
    assert events[-2][1:] == ("progress", {"asked": 20, "answered": 20, "total": 20})
    assert events[-1] == ("3.20", "end", {"state": "succeeded"})
    ids = [identifier for identifier, _, _ in events]
    assert len(set(ids)) == len(ids)
    for seen_last, rest in (("2.20", 1), ("3.20", 0), ("1.0", 3)):
        assert told(service, made, seen_last) == told(service, made)[4 - rest :]
    for never_sent in ("nonsense", "99999999999999999.1"):
        answer = service.http.get(f"/v1/evaluations/{made}/events", headers={"Last-Event-ID": never_sent})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_a_failure_is_the_end_with_its_reason(service: Service) -> None:
    params = {"target": "local", "privacy": "off"}
    stored = service.http.post("/v1/datasets", params=params, content=json.dumps({"messages": []}) + "\n").json()
    made = service.evaluate(service.body(stored["id"]))["id"]
    last = told(service, made)[-1]
    assert (last[1], last[2]["state"], last[2]["error"]["code"]) == ("end", "failed", "invalid_input")
    answer = service.http.get("/v1/evaluations/none/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_id")


def test_a_removed_one_leaves_nothing_but_its_id_where_it_is_named(service: Service) -> None:
    body = service.body(service.dataset("removed"), goal="exact_match>=80%")
    one, same = (service.evaluate(body, **{"Idempotency-Key": key}) for key in ("a", "b"))
    one, same = (service.until(made["id"], "succeeded") for made in (one, same))
    record = one["evaluation_id"]
    asked = {"facts": {}, "evaluation_ids": [record]}
    decision = service.http.post("/v1/decisions", json=asked).json()
    answer = remove(service, one["id"])
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/events", "/cancel"):
        method = "POST" if path == "/cancel" else "GET"
        assert service.http.request(method, f"/v1/evaluations/{one['id']}{path}").status_code == 404
    assert remove(service, one["id"]).status_code == 404
    assert not (service.home / "evaluations" / one["id"]).exists()
    assert one["id"] not in {item["id"] for item in service.http.get("/v1/evaluations").json()["items"]}
    # one record of two evaluations goes with the last of them
    assert same["evaluation_id"] == record
    assert service.show(same["id"])["evaluation"] == same["evaluation"]
    assert remove(service, same["id"]).status_code == 204
    assert service.http.post("/v1/decisions", json=asked).status_code == 404
    assert service.http.get(f"/v1/decisions/{decision['id']}").json() == decision
    assert {fact["from"] for fact in decision["facts"]} == {f"measured:{record}"}
    again = service.evaluate(body, **{"Idempotency-Key": "a"})
    assert again["id"] != one["id"]
    assert service.until(again["id"], "succeeded")["asking"]["asked"] == 20


def test_removing_ends_the_process_of_a_running_one_and_its_followers(
    service: Service, slow: Callable[[], None]
) -> None:
    made = service.evaluate(service.body(service.dataset("removed while it runs")))["id"]
    wait_for(lambda: len(service.endpoint.bodies) > BEFORE_KILL)
    worker = service.worker(made)
    seen: list[Told] = []
    begun = threading.Event()
    reader = threading.Thread(target=lambda: seen.append(told(service, made, begun=begun)))
    reader.start()
    assert begun.wait(60)
    assert remove(service, made).status_code == 204
    assert gone(worker)
    assert service.show(made)["code"] == "unknown_id"
    assert not (service.home / "evaluations" / made).exists()
    reader.join(60)
    assert [event[1] for event in seen[0]].count("end") == 1
    assert seen[0][-1][1] == "end"
    slow()
    # the queue goes on with the next one
    service.until(service.evaluate(service.body(service.dataset("next", 2)))["id"], "succeeded")
    assert not (service.home / "evaluations" / made).exists()


def test_one_that_waits_is_removed_before_it_begins(service: Service, slow: Callable[[], None]) -> None:
    running = [service.evaluate(service.body(service.dataset(f"first {n}")))["id"] for n in range(2)]
    for one in running:
        service.until(one, "running")
    waiting = service.evaluate(service.body(service.dataset("never asked")))["id"]
    assert remove(service, waiting).status_code == 204
    slow()
    for one in running:
        service.until(one, "succeeded")
    last = service.evaluate(service.body(service.dataset("asked after it", 2)))["id"]
    service.until(last, "succeeded")
    assert not [question for question in service.endpoint.questions if "never asked" in question]
