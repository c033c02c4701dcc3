"""What a service logs of its requests: an object per line, with ids and sizes, and nothing of a body."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

import pytest

from service.api.observed import Observed, Requests
from service.observe.logs import JsonLines, PlainLines, worth_saying

MARKER = "mellifluous-quokka-4711"
ROW = json.dumps({"messages": [{"role": "user", "content": MARKER}, {"role": "assistant", "content": MARKER}]})


def test_a_request_is_one_line_with_route_status_and_sizes(service: Any) -> None:
    given = service.http.get("/v1/jobs/0123", headers={"X-Request-ID": "from-the-caller.1"})
    assert given.headers["x-request-id"] == "from-the-caller.1"
    assert given.json()["request_id"] == "from-the-caller.1"
    line = service.line_of(given)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/jobs/{identifier}", 404)
    assert (line["bytes_in"], line["bytes_out"]) == (0, len(given.content))
    assert line["milliseconds"] > 0
    assert (line["level"], line["logger"], line["at"][-1]) == ("info", "tunegate.requests", "Z")


@pytest.mark.parametrize(
    "odd", ["", "two words", "x" * 65, 'quoted"', "new\tline", "ümlaut".encode().decode("latin-1")]
)
def test_an_id_that_is_no_short_word_is_replaced(service: Any, odd: str) -> None:
    answer = service.http.get("/v1/jobs/0123", headers={"X-Request-ID": odd.encode("latin-1")})
    made = answer.headers["x-request-id"]
    assert made != odd
    assert len(made) == 32
    assert answer.json()["request_id"] == made


def test_an_answer_that_is_no_problem_has_an_id_too(service: Any) -> None:
    assert len(service.http.get("/v1/jobs").headers["x-request-id"]) == 32


def test_what_is_no_http_is_logged_as_a_line_too(service: Any) -> None:
    with socket.create_connection(service.address, timeout=60) as connection:
        connection.sendall(b"NO HTTP\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    assert service.until(lambda: [line for line in service.lines() if line["logger"] == "uvicorn.error"])


def test_paths_that_lead_nowhere_and_query_values_stay_out_of_the_log(service: Any) -> None:
    answer = service.http.get(f"/{MARKER}", params={"q": MARKER})
    assert answer.status_code == 404
    assert service.line_of(answer)["route"] == "unmatched"
    service.http.get("/v1/jobs", params={"cursor": MARKER})
    assert MARKER not in service.log.read_text()


# every route that takes a body, as the contract lists them
BODIES = {
    "/v1/decisions": {"facts": {MARKER: MARKER}},
    "/v1/estimates": {"model": MARKER, MARKER: MARKER},
    "/v1/plans": {"dataset_id": MARKER, "model": MARKER, MARKER: 1},
    "/v1/jobs": {"plan_id": MARKER},
    "/v1/evaluations": {MARKER: MARKER},
    "/v1/jobs/{identifier}/chat/completions": {"messages": [{"role": "user", "content": MARKER}]},
    "/v1/jobs/{identifier}/cancel": {MARKER: MARKER},
    "/v1/jobs/{identifier}/pause": {MARKER: MARKER},
    "/v1/jobs/{identifier}/resume": {MARKER: MARKER},
    "/v1/evaluations/{identifier}/cancel": {MARKER: MARKER},
    "/v1/synth": {"documents": [{"name": MARKER, "text": MARKER}], MARKER: MARKER},
    "/v1/synth/{identifier}/cancel": {MARKER: MARKER},
    "/v1/deployments": {"job_id": MARKER, "options": {MARKER: MARKER}},
    "/v1/deployments/plan": {"job_id": MARKER, "options": {MARKER: MARKER}},
    "/v1/monitors": {"name": MARKER, "evaluation": {MARKER: MARKER}},
    "/v1/webhooks": {"url": f"https://{MARKER}.quokkas.org/{MARKER}", MARKER: MARKER},
    "/v1/webhooks/{identifier}/ping": {MARKER: MARKER},
    "/v1/webhooks/{identifier}/secrets": {MARKER: MARKER},
    "/v1/webhooks/{identifier}/enable": {MARKER: MARKER},
    "/v1/webhooks/{identifier}/deliveries/{delivery}/retry": {MARKER: MARKER},
}
LINES = ("/v1/lint", "/v1/datasets", "/v1/redact", "/v1/synth/records")
KINDS = ("application/jsonl", "application/json", "text/plain")


def test_nothing_of_a_body_is_logged_or_counted_by_any_route(service: Any) -> None:
    paths = service.http.get("/schema/openapi.json").json()["paths"]
    assert {path for path, ways in paths.items() if "post" in ways} <= {*BODIES, *LINES, "/mcp"}
    for path, body in BODIES.items():
        service.http.post(path.replace("{identifier}", "0" * 32), json=body)
        service.http.post(path.replace("{identifier}", "0" * 32), content=f'{{"{MARKER}": ')
    for path in LINES:
        for kind in KINDS:
            for content in (ROW, f"{MARKER} no json", ROW[:-5]):
                service.http.post(path, params={"target": "local"}, content=content, headers={"Content-Type": kind})
    wanted = 2 * len(BODIES) + 3 * len(KINDS) * len(LINES)
    service.until(lambda: len([one for one in service.requests() if one["route"] in {*BODIES, *LINES}]) >= wanted)
    assert MARKER not in service.log.read_text()
    assert MARKER not in service.http.get("/metrics").text
    assert "Traceback" not in service.log.read_text()


def _record(message: str, error: Exception | None = None) -> logging.LogRecord:
    caught = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("dbos", logging.ERROR, "x.py", 1, message, (), caught)


def test_an_exception_is_its_type_and_place_and_never_its_text() -> None:
    try:
        int(MARKER)
    except ValueError as error:
        record = _record("it failed", error)
    line = json.loads(JsonLines().format(record))
    assert (line["exception"], line["message"]) == ("ValueError", "it failed")
    assert "test_logs.py:" in line["place"]
    assert MARKER not in JsonLines().format(record) + PlainLines().format(record)


def test_what_is_said_of_every_cancelled_job_is_left_out() -> None:
    assert not worth_saying(_record("Workflow 1 is no longer owned by this execution. Waiting for the outcome"))
    cancelled = type("DBOSAwaitedWorkflowCancelledError", (Exception,), {})
    assert not worth_saying(_record("Error in a step", cancelled("DBOS Error 13")))
    assert worth_saying(_record("Error in a step", ValueError("other")))


class Caller:
    """As the door of the routes leaves one behind."""

    actor, project = "key:k1", "library"


def test_who_called_is_named_where_it_is_known(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["tunegate_caller"] = Caller()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/v1/jobs",
        "headers": [],
        "http_version": "1.0",
        "state": {},
    }
    with caplog.at_level(logging.INFO, "tunegate.requests"):
        asyncio.run(Observed(app, Requests())(scope, _nothing, send))
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert (line["caller"], line["project"], line["status"]) == ("key:k1", "library", 204)
    assert dict(sent[0]["headers"])[b"x-request-id"].decode() == line["request_id"]


async def _nothing() -> Any:
    raise AssertionError
