"""Syntheses of a real service process: rows that become a dataset, refused, cancelled, killed and gone on with."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said
from service_process import Service, gone, wait_for
from unweighted import add_base

from service.cli.app import run
from service.client import Client
from service.errors import TuneGateError
from tests.synth.conftest import OWN, PASSAGES, PLACE, Ask, good, holding, with_address

MAIL = "carla.weiss@quokkas.org"
ROWS, BEFORE_KILL, FACT = 12, 5, "data.synthetic"


@pytest.fixture(scope="module")
def written() -> Iterator[Endpoint]:
    with Endpoint(good) as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, written: Endpoint) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    add_base(home)
    running = Service(home, written)
    yield running
    running.process.terminate()
    running.process.wait(60)


@pytest.fixture
def slow(written: Endpoint) -> Iterator[Callable[[], None]]:
    """Some replies, then none until the endpoint is let go on by what this gives."""
    written.bodies.clear()
    go_on = threading.Event()

    def rule(body: dict[str, Any], number: int) -> Said:
        if len(written.bodies) > BEFORE_KILL:
            go_on.wait(60)
        return good(body, number)

    written.rule = rule
    yield go_on.set
    go_on.set()


def asked(service: Service, word: str, **more: Any) -> dict[str, Any]:
    """A body of four documents that say something of their own about the word."""
    documents = [
        {"name": f"{n}.md", "text": f"{MAIL} wrote of {word}.\n\n{passage}\n"} for n, passage in enumerate(PASSAGES)
    ]
    model = {"name": "m", "endpoint": service.endpoint.url, "backoff_s": 0.001, "concurrency": 1}
    return {
        "kind": "coverage", "documents": documents, "model": model, "target": "local", "rows": ROWS, **more,
    }  # fmt: skip


def launched(service: Service, body: dict[str, Any], **headers: str) -> Any:
    answer = service.http.post("/v1/synth", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/synth/{answer.json()['id']}"
    return answer.json()


def until(service: Service, identifier: str, state: str) -> Any:
    def show() -> Any:
        return service.http.get(f"/v1/synth/{identifier}").json()

    wait_for(lambda: show()["state"] in {state, "failed", "succeeded", "cancelled"})
    found = show()
    assert found["state"] == state, found
    return found


def test_the_client_asks_for_one_and_reads_what_came_of_it(service: Service, written: Endpoint) -> None:
    written.rule = good
    with Client(service.url) as client:
        made = client.synthesize(**asked(service, "the client", rows=4))
        ends = [event.data["state"] for event in client.synthesis_events(made.id) if event.event == "end"]
        done = client.synthesis(made.id)
        assert (ends, done.state) == (["succeeded"], "succeeded")
        assert made.id in [one.id for one in client.syntheses()]
        assert len({one.sha256 for one in client.synthesis_origins(made.id)}) == 4
        with pytest.raises(TuneGateError) as raised:
            client.cancel_synthesis(made.id)
        assert raised.value.code == "synthesis_finished"
        client.delete_synthesis(made.id)
        assert made.id not in [one.id for one in client.syntheses()]


def test_its_rows_are_a_dataset_that_says_so_until_all_of_it_is_removed(service: Service, written: Endpoint) -> None:
    body = asked(service, "the chain")
    made = launched(service, body, **{"Idempotency-Key": "one"})
    assert launched(service, body, **{"Idempotency-Key": "one"})["id"] == made["id"]
    reused = service.http.post("/v1/synth", json=body | {"seed": 7}, headers={"Idempotency-Key": "one"})
    assert (reused.status_code, reused.json()["code"]) == (409, "key_reused")
    done = until(service, made["id"], "succeeded")
    record = done["synth"]
    assert (record["verdict"], record["coverage"], done["progress"]["rows"]) == ("pass", 1.0, ROWS)
    assert record["output"]["path"] == "train.jsonl"
    assert MAIL not in json.dumps(written.bodies)
    wait_for(lambda: not (service.home / "syntheses" / made["id"]).exists())
    assert holding(service.home, "wrote of the chain") == []

    dataset = service.http.get(f"/v1/datasets/{done['dataset_id']}").json()
    report = dataset["report"]
    assert (dataset["rows"], report["synth"], report["facts"]["data.synthetic"]) == (ROWS, [done["synth_id"]], 1.0)
    plan = service.http.post("/v1/plans", json={"dataset_id": dataset["id"], "model": "base", "technique": "lora"})
    assert plan.json()["synth"] == [done["synth_id"]]
    decision = service.http.post("/v1/decisions", json={"facts": {}, "dataset_id": dataset["id"]}).json()
    assert done["synth_id"] in [one["record"] for one in decision["evidence"]]

    rows = (service.home / "storage" / "default" / "datasets" / f"{dataset['id']}.jsonl").read_text()
    origins = service.http.get(f"/v1/synth/{made['id']}/provenance").text.splitlines()
    hashes = [hashlib.sha256(line.encode()).hexdigest() for line in rows.splitlines()]
    assert [json.loads(line)["sha256"] for line in origins] == hashes
    mixed = "".join([*rows.splitlines(keepends=True)[:9], OWN * 3])
    query = {"target": "local", "privacy": "off"}
    plain = service.http.post("/v1/datasets", params=query, content=mixed).json()
    told = service.http.post("/v1/datasets", params=query | {"synth": done["synth_id"]}, content=mixed).json()
    assert (plain["report"]["synth"], "data.synthetic" in plain["report"]["facts"]) == ([], False)
    assert (told["report"]["synth"], told["report"]["facts"]["data.synthetic"]) == ([done["synth_id"]], 0.75)
    assert told["id"] != plain["id"]

    reply = json.loads(rows.splitlines()[0])["messages"][-1]["content"]
    assert service.http.delete(f"/v1/synth/{made['id']}").status_code == 204
    for path in ("", "/provenance"):
        assert service.http.get(f"/v1/synth/{made['id']}{path}").status_code == 404
    unknown = service.http.post("/v1/datasets", params=query | {"synth": done["synth_id"]}, content=mixed)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_id")
    assert service.http.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    for one in (dataset, plain, told):
        assert service.http.delete(f"/v1/datasets/{one['id']}").status_code == 204
    assert holding(service.home, reply) == []


def test_rows_that_were_redacted_are_told(service: Service, written: Endpoint) -> None:
    written.rule = with_address
    done = until(service, launched(service, asked(service, "an address", rows=4))["id"], "succeeded")
    name = done["synth_id"]
    stored = service.home / "storage" / "default" / "datasets" / f"{done['dataset_id']}.jsonl"
    query = {"entities": "URL", "synth": name}
    answer = service.http.post("/v1/redact", params=query, content=gzip.compress((stored.read_text() + OWN).encode()))
    assert (answer.status_code, PLACE in answer.text) == (200, False), answer.text
    assert service.http.post("/v1/redact", params=query, content=stored.read_bytes()).status_code == 200
    upload = {"target": "local", "privacy": "off", "synth": name}
    told = service.http.post("/v1/datasets", params=upload, content=answer.content).json()
    assert told["report"]["synth_rows"] == {name: 4}
    assert told["report"]["facts"]["data.synthetic"] == 0.8
    decision = service.http.post("/v1/decisions", json={"facts": {}, "dataset_id": told["id"]}).json()
    assert {one["record"]: one["says"] for one in decision["evidence"]}[name].endswith(
        "4 of 5 training rows, by the lint report"
    )
    plan = service.http.post("/v1/plans", json={"dataset_id": told["id"], "model": "base", "technique": "lora"}).json()
    assert plan["synth"] == [name]
    known = [json.loads(line) for line in service.http.get(f"/v1/synth/records/{name}/provenance").text.splitlines()]
    assert [one.get("derived_from") for one in known] == [None] * 4 + [one["sha256"] for one in known[:4]]
    unknown = service.http.post("/v1/redact", params={"synth": "0" * 64}, content=OWN)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_id")
    owned = service.http.delete(f"/v1/synth/records/{name}")
    assert (owned.status_code, owned.json()["code"]) == (409, "synthesis_finished")
    assert service.http.delete(f"/v1/synth/{done['id']}").status_code == 204
    assert service.http.get(f"/v1/synth/records/{name}").status_code == 404
    assert holding(service.home, known[-1]["sha256"]) == []


def test_what_the_command_line_made_is_brought(service: Service, docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    endpoint.rule = with_address
    made = ask(rows=4).record
    assert run(["redact", "out.jsonl", "-o", "copies/copy.jsonl", "--entities", "URL"]) == 0
    record, origins = Path("out.synth.json").read_bytes(), Path("out.provenance.jsonl").read_bytes()
    for body, wrong in (
        (record.replace(b'"kind": "coverage"', b'"kind": "personas"') + origins, ["record 1: id"]),
        (record + origins.replace(b'"row":1,', b'"row":9,'), ["origins"]),
        (record + origins[:-20], ["origins: row 4"]),
        (record, ["origins"]),
        (origins, ["record"]),
        (b" " * (11 << 20), ["record"]),
    ):
        answer = service.http.post("/v1/synth/records", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
        assert [one["where"] for one in answer.json()["errors"]] == wrong
        assert service.http.get(f"/v1/synth/records/{made.id}").status_code == 404
    assert service.http.post("/v1/synth/records", content=b" " * (33 << 20)).status_code == 413
    with Client(service.url) as client:
        Path("out.provenance.jsonl").write_bytes(b"edited")
        with pytest.raises(TuneGateError) as refused:
            client.upload_dataset(Path("out.jsonl"), target="local", privacy="off")
        assert "bring=False" in refused.value.remedy
        Path("out.provenance.jsonl").write_bytes(origins)
        copied = client.upload_dataset(Path("copies/copy.jsonl"), target="local", privacy="off")
        assert copied.report.synth_rows == {made.id: 4}
        # whose origins were lost before it was redacted
        Path("out.provenance.jsonl").rename("kept")
        assert run(["redact", "out.jsonl", "-o", "lost/copy.jsonl", "--entities", "URL", "--with", "mask"]) == 0
        Path("kept").rename("out.provenance.jsonl")
        lost = client.upload_dataset(Path("lost/copy.jsonl"), target="local", privacy="off")
        query = {"synth": made.id, "entities": "URL", "with": "hash"}
        rows = service.http.post("/v1/redact", params=query, content=Path("out.jsonl").read_bytes()).content
        told = service.http.post("/v1/datasets", params={"target": "local", "synth": made.id}, content=rows).json()
        assert told["report"]["synth_rows"] == lost.report.synth_rows == {made.id: 4}
        assert client.upload_dataset(Path("out.jsonl"), target="local", privacy="off").report.facts[FACT] == 1.0
    assert service.http.get(f"/v1/synth/records/{made.id}").json()["id"] == made.id
    assert service.http.post("/v1/synth/records", content=record + origins).json() == {"synth": [made.id], "rows": 4}
    ends = [service.http.request(how, f"/v1/synth/records/{made.id}").status_code for how in ("DELETE", "GET")]
    assert ends == [204, 404]


def test_a_killed_service_goes_on_and_asks_nothing_twice(
    service: Service, written: Endpoint, slow: Callable[[], None]
) -> None:
    made = launched(service, asked(service, "a kill"))["id"]
    wait_for(lambda: len(written.bodies) > BEFORE_KILL)
    answered = written.questions[:BEFORE_KILL]
    worker = service.worker(made, "syntheses")
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    worker.kill()
    assert gone(worker)
    slow()
    service.start()
    done = until(service, made, "succeeded")
    assert (done["synth"]["verdict"], done["synth"]["output"]["rows"]) == ("pass", ROWS)
    assert [written.questions.count(one) for one in answered] == [1] * BEFORE_KILL
    assert [moment["state"] for moment in done["timeline"]] == ["queued", "running", "succeeded"]


def test_cancelling_ends_the_process_and_its_replies_are_gone_on_with(
    service: Service, written: Endpoint, slow: Callable[[], None]
) -> None:
    body = asked(service, "a cancellation")
    made = launched(service, body)["id"]
    wait_for(lambda: len(written.bodies) > BEFORE_KILL)
    worker = service.worker(made, "syntheses")
    assert service.http.post(f"/v1/synth/{made}/cancel").json()["state"] == "cancelling"
    until(service, made, "cancelled")
    assert gone(worker)
    assert service.http.post(f"/v1/synth/{made}/cancel").json()["code"] == "synthesis_finished"
    slow()
    answered = written.questions[:BEFORE_KILL]
    more = until(service, launched(service, body | {"continues": made})["id"], "succeeded")
    assert more["synth"]["output"]["rows"] == ROWS
    assert [written.questions.count(one) for one in answered] == [1] * BEFORE_KILL
    assert service.http.delete(f"/v1/synth/{made}").status_code == 204
    assert not (service.home / "syntheses" / made).exists()


def test_a_set_that_fails_says_why_and_keeps_what_stayed(service: Service, written: Endpoint) -> None:
    written.rule = good
    topics = ["changing a delivery date", "a broken lamp"]
    model = asked(service, "")["model"]
    body = {"kind": "personas", "topics": topics, "model": model, "target": "local", "rows": 8, "budget_requests": 3}
    done = until(service, launched(service, body)["id"], "succeeded")
    assert (done["synth"]["verdict"], done["synth"]["output"]["rows"]) == ("fail", 3)
    with service.http.stream("GET", f"/v1/synth/{done['id']}/events") as stream:
        told = [line for line in stream.iter_lines() if line.startswith(("event", "id"))]
    assert told[:2] == ["id: 1.0", "event: state"]
    assert told[-2:] == ["id: 3.3", "event: end"]
    assert "SYN-210" in [one["rule"] for one in done["synth"]["why"]]
    assert service.http.get(f"/v1/datasets/{done['dataset_id']}").json()["rows"] == 3
    folder = service.home / "syntheses" / done["id"]
    wait_for(lambda: not (folder / "train.jsonl").exists())
    assert (folder / "answers" / "answers.jsonl").read_bytes().count(b"\n") >= 3
    nothing = launched(service, asked(service, "too much", rows=5000))["id"]
    error = until(service, nothing, "failed")["error"]
    assert (error["code"], [one["where"] for one in error["errors"]]) == ("invalid_input", ["rows"])


def test_everything_that_is_unusable_is_told_at_once(service: Service, written: Endpoint) -> None:
    before = len(written.bodies)
    body = asked(service, "") | {
        "documents": [{"name": "../a.md", "text": "x"}], "topics": ["x"], "target": "nowhere", "rows": 100_000,
        "budget_tokens": 0, "languages": ["qq"], "model": {"folder": "/etc"}, "continues": "none",
    }  # fmt: skip
    answer = service.http.post("/v1/synth", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert [one["where"] for one in answer.json()["errors"]] == [
        "documents[1]: name", "topics", "language", "rows", "continues", "model: folder",
    ]  # fmt: skip
    usable = asked(service, "") | {"target": "nowhere", "budget_tokens": 0, "documents": []}
    found = service.http.post("/v1/synth", json=usable).json()["errors"]
    assert [one["where"] for one in found] == ["budget_tokens", "sources", "target"]
    usable = asked(service, "")
    usable["model"]["endpoint"] = "http://127.0.0.1:1/v1"
    answer = service.http.post("/v1/synth", json=usable)
    assert (answer.status_code, answer.json()["code"]) == (403, "endpoint_not_allowed")
    assert len(written.bodies) == before
