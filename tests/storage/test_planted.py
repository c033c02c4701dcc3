"""Personal data and a secret through every door of a service over Postgres, then removed: searched for everywhere."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import FOUND, PROGRAMS, Postgres, postgres_server
from scripted_endpoint import Endpoint, Said
from test_traces import Collector
from working import MARKS, Working

# an address, a name, a number, an IBAN with right check digits, and what looks like a key of a cloud; none is anybody's
PLANTED = (*MARKS, "DE75512108001245126199", "AKIA4QUOKKA7TREMAINE")
TOLD = f"I am {PLANTED[1]}, {PLANTED[0]}, {PLANTED[2]}; pay to {PLANTED[3]} with {PLANTED[4]}."
JSON = {"Content-Type": "application/json"}


def rows(*, broken: bool = False) -> bytes:
    turns = [{"role": "user", "content": TOLD}, {"role": "assistant", "content": f"Noted: {TOLD}"}]
    whole = b"".join(json.dumps({"messages": turns, "n": n}).encode() + b"\n" for n in range(4))
    odd = json.dumps({"messages": [{"role": TOLD}]}).encode() + b'\n{"%s": \n' % TOLD.encode()
    return whole + odd * broken


def found_in(text: bytes) -> list[str]:
    return [mark for mark in PLANTED if mark.encode() in text]


def found_below(folder: Path) -> list[str]:
    """Files that hold a planted value, or are named by one."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(str(path) for path in files if found_in(path.read_bytes()) or found_in(path.name.encode()))


def dumped(postgres: Postgres) -> bytes:
    command = [str(PROGRAMS / "pg_dump"), postgres.address("planted")]
    return subprocess.run(command, env=os.environ, capture_output=True, check=True).stdout


class Planted(Working):
    """A service with folders, logs and traces of its own, and an endpoint that answers with what was planted."""

    def __init__(self, folder: Path, endpoint: Endpoint, collector: Collector, database: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        super().__init__(
            folder / "home", TMPDIR=str(self.temporary), TUNEGATE_DATABASE_URL=database,
            TUNEGATE_ENDPOINTS=endpoint.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200",
        )  # fmt: skip

    def launch_with_onnx(self, dataset: str) -> str:
        body = {
            "dataset_id": dataset, "model": "base", "technique": "full",
            "hyperparameters": {"batch_size": 4, "n_epochs": 1}, "outputs": {"onnx": ["fp32"]},
        }  # fmt: skip
        blockers = self.post("/v1/plans", json=body)["blockers"]
        lifted = [{"code": one["code"], "reason": "four rows are enough"} for one in blockers]
        plan = self.post("/v1/plans", json=body | {"overrides": lifted})["id"]
        return str(self.post("/v1/jobs", json={"plan_id": plan})["id"])

    def fail(self) -> Iterator[Any]:
        """Requests that are refused at every depth, each with what was planted in it."""
        ask = self.http.request
        for path in (
            "decisions",
            "estimates",
            "plans",
            "jobs",
            "evaluations",
            "webhooks",
            "jobs/none/chat/completions",
        ):
            yield ask("POST", f"/v1/{path}", content=f'{{"{TOLD}": ', headers=JSON)
            yield ask(
                "POST", f"/v1/{path}", json={TOLD: TOLD, "model": TOLD, "dataset_id": TOLD, "facts": {TOLD: TOLD}}
            )
            yield ask("POST", f"/v1/{path}", json=[TOLD], headers={"Idempotency-Key": PLANTED[3]})
        yield ask("POST", "/v1/decisions", json={"facts": {"gap.kind": TOLD, TOLD: 1}})
        yield ask("POST", "/v1/datasets", params={"target": TOLD, TOLD: TOLD}, content=rows())
        yield ask("POST", "/v1/redact", params={"entities": TOLD}, content=rows(broken=True))
        yield ask("POST", "/v1/redact", content=rows(broken=True))
        yield ask("POST", "/v1/lint", headers={"Content-Encoding": PLANTED[4]}, content=rows())
        yield ask("POST", "/v1/datasets", params={"target": "local", "from": f"s3://{TOLD}"})
        for path in (f"datasets/{TOLD}", f"jobs/{TOLD}/events", f"rules/ids/{TOLD}", f"jobs?cursor={TOLD}", TOLD):
            yield ask("GET", f"/v1/{path}", headers={"Last-Event-ID": PLANTED[0], "X-Request-ID": PLANTED[0]})


@pytest.mark.skipif(not FOUND, reason="no Postgres here")
def test_nothing_that_was_planted_is_left(tmp_path: Path) -> None:
    collector = Collector()
    with postgres_server() as postgres, Endpoint(lambda _body, _number: Said(text=TOLD)) as endpoint:
        postgres.create("planted")
        service = Planted(tmp_path, endpoint, collector, postgres.address("planted", "+psycopg"))
        try:
            planted_everywhere(service, endpoint)
            dump, metrics = dumped(postgres), service.http.get("/metrics").content
        finally:
            service.stop()
        told = (postgres.folder / "log").read_bytes()
    collector.close()
    assert len(collector.spans()) > 10
    assert found_in(dump) == []
    assert found_in(metrics) == []
    assert found_in(service.log.read_bytes()) == []
    assert found_in(told) == []
    assert [mark for body in collector.bodies for mark in found_in(body)] == []
    assert found_below(service.home) == []
    assert found_below(service.temporary) == []
    assert "Traceback" not in service.log.read_text()


def planted_everywhere(service: Planted, endpoint: Endpoint) -> None:
    """Through every door; then all that was kept is removed."""
    query = {"target": "local", "privacy": "patterns"}
    for broken in (False, True):
        report = service.http.post("/v1/lint", params=query, content=rows(broken=broken))
        assert (report.status_code, found_in(report.content)) == (200, [])
    redacted = service.http.post("/v1/redact", content=rows())
    assert redacted.status_code == 200, redacted.text
    assert PLANTED[0] not in redacted.text
    dataset = service.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=rows())["id"]
    job = service.launch_with_onnx(dataset)
    model = {"id": "m", "name": "m", "endpoint": endpoint.url}
    evaluation = service.post("/v1/evaluations", json={"dataset_id": dataset, "models": [model]})["id"]
    for answer in service.fail():
        assert 400 <= answer.status_code < 500, (answer.request.url, answer.text)
    service.until(job, "succeeded")
    service.once(lambda: service.http.get(f"/v1/evaluations/{evaluation}").json()["state"] == "succeeded")
    chat = {"model": "fp32", "max_tokens": 8, "messages": [{"role": "user", "content": TOLD}]}
    assert service.post(f"/v1/jobs/{job}/chat/completions", json=chat)["choices"]
    assert found_below(service.home)
    for path in (f"evaluations/{evaluation}", f"jobs/{job}", f"datasets/{dataset}"):
        assert service.http.delete(f"/v1/{path}").status_code == 204, path
