"""Spans as a collector receives them: a real HTTP server that reads the protocol's own messages."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from unweighted import add_base

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MARKER = "mellifluous-quokka-1234"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OURS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        keep = self.bodies.append

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        found.setdefault(span.name, []).append(span)
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_and_the_steps_of_its_job_are_one_trace(
    serve: Callable[..., Any], collector: Collector, tmp_path: Path
) -> None:
    running = serve(tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200")
    job = launched(running)
    ended = running.until(lambda: (one := running.http.get(f"/v1/jobs/{job}").json())["state"] == "failed" and one)
    assert ended["error"]["code"] == "plan_mismatch"
    running.http.get(f"/nowhere/{MARKER}", params={"q": MARKER})
    assert running.stop() == 0
    spans = collector.spans()
    (request,) = spans["POST /v1/jobs"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(request) == {
        "http.request.method": "POST", "http.route": "/v1/jobs", "http.response.status_code": 202,
    }  # fmt: skip
    (step,) = spans["job prepare"]
    assert (step.trace_id, step.parent_span_id) == (request.trace_id, request.span_id)
    assert attributes(step) == {"tunegate.job.id": job}
    assert spans["GET /v1/jobs/{identifier}"]
    assert spans["GET unmatched"]
    assert b"service.name" in collector.bodies[0]
    assert not any(MARKER.encode() in body for body in collector.bodies)
    # the job's lines in the log carry its id
    entered = [line["state"] for line in running.lines() if line.get("job_id") == job and line["message"] == "job"]
    assert entered == ["preparing", "failed"]


def launched(running: Any) -> str:
    """A job that fails in its first step: the bytes of its dataset are gone."""
    add_base(running.home)
    stored = [
        running.http.post("/v1/datasets", params={"target": "local"}, content=(DESK / name).read_bytes()).json()["id"]
        for name in ("train.jsonl", "validation.jsonl")
    ]
    body = {"dataset_id": stored[0], "validation_dataset_id": stored[1], "model": "base", "technique": "lora"}
    blockers = running.http.post("/v1/plans", json=body).json()["blockers"]
    lifted = [{"code": one["code"], "reason": "never trained"} for one in blockers]
    plan = running.http.post("/v1/plans", json=body | {"overrides": lifted}).json()
    (running.home / "storage" / "default" / "datasets" / f"{stored[0]}.jsonl").unlink()
    job = running.http.post("/v1/jobs", json={"plan_id": plan["id"]}, headers=OURS)
    assert job.status_code == 202, job.text
    return str(job.json()["id"])


def test_without_an_address_nothing_is_made_that_could_send() -> None:
    code = """
import sys
from service.observe.traces import server_span, set_up_traces, step_span, traceparent
assert set_up_traces({"OTEL_SERVICE_NAME": "x"}) is False
with server_span({"headers": [], "method": "GET"}) as told, step_span("prepare", "1", ""):
    told("/v1/jobs", 200)
assert traceparent() == ""
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_an_address_without_the_libraries_is_told_and_the_service_goes_on() -> None:
    code = """
import sys
sys.modules["opentelemetry.exporter"] = None
from service.observe.traces import set_up_traces
print(set_up_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}))
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "False\n"
    assert "[otel]" in told.stderr
