"""Endpoints that fail: what is asked again, what becomes a row's code, and when nothing more is asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.errors import TuneGateError
from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate

Model = Callable[..., str]


def ask(*models: str, **more: Any) -> Evaluated:
    return evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("out"), models=list(models), **more))


def error(code: str, **more: Any) -> bytes:
    import json

    return json.dumps({"error": {"code": code, "message": "said of the row", **more}}).encode()


PASSING = {
    "429 with a wait": Said(status=429, headers={"retry-after": "0"}, raw=error("rate_limit_exceeded")),
    "429 with a date": Said(status=429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, raw=b""),
    "500": Said(status=500, raw=b"<html>down</html>"),
    "503 with nonsense to wait": Said(status=503, headers={"retry-after": "soon"}, raw=b""),
    "dropped": Said(drop=True),
    "not JSON": Said(raw=b"<html>hello</html>"),
    "no choices": Said(raw=b'{"choices": []}'),
    "cut off": Said(raw=b'{"choices": [{"message": {"content": "answ'),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_again(questions: Path, model: Model, name: str) -> None:
    with Endpoint(lambda body, number: PASSING[name] if number == 1 else right(body, number)) as endpoint:
        made = ask(model(endpoint.url))
    (cell,) = made.record.cells
    assert (cell.answered, cell.failed, cell.measures["exact_match"].value) == (20, {}, 1.0)
    assert (made.retried, len(endpoint.bodies), made.failures) == (20, 40, [])


LASTING = {
    "server_error": Said(status=500, raw=b""),
    "rate_limited": Said(status=429, headers={"retry-after": "0"}, raw=b""),
    "timeout": Said(hang=True),
    "connection": Said(drop=True),
    "not_json": Said(raw=b"\xff\xfe"),
    "no_answer": Said(raw=b'{"choices": [{"message": {"content": null}}]}'),
    "content_filter": Said(status=400, raw=error("content_filter")),
    "too_long": Said(status=400, raw=error("context_length_exceeded")),
    "refused_request": Said(status=400, raw=error("unsupported_value", param="temperature")),
    "unexpected_status": Said(status=302, headers={"location": "/"}, raw=b""),
    "too_large": Said(raw=b" " * (33 << 20)),
}
ONCE = {"content_filter", "too_long", "refused_request", "unexpected_status", "too_large"}


@pytest.mark.parametrize("code", LASTING)
def test_a_row_that_fails_has_a_code_and_the_others_go_on(questions: Path, model: Model, code: str) -> None:
    def rule(body: dict[str, Any], number: int) -> Said:
        return LASTING[code] if body["messages"][-1]["content"] == "question 7" else right(body, number)

    with Endpoint(rule) as endpoint:
        made = ask(model(endpoint.url, "timeout_s = 5", "retries = 0" if code == "timeout" else "retries = 1"))
    (cell,) = made.record.cells
    assert (cell.rows, cell.answered, cell.failed) == (20, 19, {code: 1})
    assert made.record.complete
    (failure,) = made.failures
    assert (failure.code, failure.requests, failure.answered, failure.given_up) == (code, 1, True, False)
    tries = endpoint.questions.count("question 7")
    assert tries == (1 if code in ONCE | {"timeout"} else 2)
    if code == "refused_request":
        assert "It names: temperature." in failure.remedy


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("named", ["context_length_exceeded", "context_overflow"])
def test_overlong_rows_say_nothing_of_the_model(questions: Path, model: Model, status: int, named: str) -> None:
    """More of them in a row than it takes to give a model up; our own route has its own name for them."""

    def rule(body: dict[str, Any], number: int) -> Said:
        short = body["messages"][-1]["content"] in {"question 0", "question 19"}
        return right(body, number) if short else Said(status=status, raw=error(named))

    with Endpoint(rule) as endpoint:
        made = ask(model(endpoint.url), concurrency=1)
    (cell,) = made.record.cells
    assert (cell.answered, cell.failed, made.failures[0].given_up) == (2, {"too_long": 18}, False)


def test_an_answer_that_drips_ends_when_its_time_does(write: Write, model: Model) -> None:
    """Each byte comes in time, the whole answer does not."""
    write("rows.jsonl", [chat("question 1")])
    slow = Said(raw=b" " * 100 + b'{"choices": [{"message": {"content": "answer 1"}}]}', drip=0.05)
    with Endpoint(lambda body, number: slow) as endpoint, pytest.raises(TuneGateError) as raised:
        ask(model(endpoint.url, "timeout_s = 0.5", "retries = 0"))
    assert "timeout" in str(raised.value.errors[0].seen)


def test_no_try_is_spent_at_once_when_an_endpoint_asks_for_no_wait(questions: Path, model: Model) -> None:
    times: list[float] = []

    def rule(body: dict[str, Any], number: int) -> Said:
        times.append(time.monotonic())
        return Said(status=429, headers={"retry-after": "0"}, raw=b"") if len(times) < 4 else right(body, number)

    with Endpoint(rule) as endpoint:
        asked = Path(model(endpoint.url))
        asked.write_text(asked.read_text().replace("backoff_s = 0.001", "backoff_s = 0.1"))
        made = ask(str(asked), concurrency=1)
    assert made.record.cells[0].answered == 20
    # half of the own wait at least, which doubles with every try
    assert all(times[n + 1] - times[n] >= 0.05 * 2**n for n in range(3))


def test_rows_that_failed_are_asked_again_by_the_next_run_and_filtered_ones_are_not(
    questions: Path, model: Model
) -> None:
    bad = {"question 3": LASTING["content_filter"], "question 4": LASTING["server_error"]}
    with Endpoint(lambda body, number: bad.get(body["messages"][-1]["content"]) or right(body, number)) as endpoint:
        asked = model(endpoint.url, "retries = 0")
        ask(asked)
        before = len(endpoint.bodies)
        bad.clear()
        made = ask(asked)
        assert endpoint.questions[before:] == ["question 4"]
        assert made.record.cells[0].failed == {"content_filter": 1}
        assert ask(asked).from_before


@pytest.mark.parametrize(("said", "code", "remedy"), [
    (Said(status=401, raw=error("invalid_api_key")), "missing_key", "api_key_env"),
    (Said(status=429, raw=error("insufficient_quota")), "missing_key", "quota"),
    (Said(status=404, raw=error("DeploymentNotFound")), "no_answers", "name"),
])  # fmt: skip
def test_what_no_row_can_change_ends_at_once(questions: Path, model: Model, said: Said, code: str, remedy: str) -> None:
    with Endpoint(lambda body, number: said) as endpoint, pytest.raises(TuneGateError) as raised:
        ask(model(endpoint.url), concurrency=1)
    assert (raised.value.code, raised.value.exit_code, len(endpoint.bodies)) == (code, 3, 1)
    assert remedy in str(raised.value.errors[0].remedy)


@pytest.mark.parametrize("code", ["server_error", "not_json", "refused_request", "connection"])
def test_an_endpoint_that_fails_at_everything_is_not_asked_for_ever(questions: Path, model: Model, code: str) -> None:
    with Endpoint(lambda body, number: LASTING[code]) as endpoint, pytest.raises(TuneGateError) as raised:
        ask(model(endpoint.url), concurrency=2)
    assert (raised.value.code, raised.value.exit_code) == ("no_answers", 3)
    assert code in str(raised.value.errors[0].seen)
    assert len(endpoint.bodies) <= 36


def test_an_endpoint_that_is_down_is_said_to_be(questions: Path, model: Model) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(TuneGateError) as raised:
            ask(model(f"http://127.0.0.1:{held.getsockname()[1]}/v1"))
    assert raised.value.exit_code == 3
    assert "no connection" in str(raised.value.errors[0].seen)


def test_one_model_that_is_down_does_not_end_the_other(questions: Path, model: Model) -> None:
    with Endpoint(right) as endpoint, socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        down = model(f"http://127.0.0.1:{held.getsockname()[1]}/v1", name="down")
        made = ask(model(endpoint.url), down)
    cells = {one.model: one.answered for one in made.record.cells}
    assert cells == {"m": 20, "down": 0}
    assert not made.record.complete
    assert [(one.model, one.answered, one.given_up) for one in made.failures] == [("down", False, True)]


def test_all_wait_when_the_endpoint_asks_for_it(questions: Path, model: Model) -> None:
    """One 429 that asks for a second holds the other requests up too: nothing is asked before it is over."""
    times: list[float] = []

    def rule(body: dict[str, Any], number: int) -> Said:
        times.append(time.monotonic())
        return Said(status=429, headers={"retry-after": "1"}, raw=b"") if len(times) == 1 else right(body, number)

    with Endpoint(rule) as endpoint:
        made = ask(model(endpoint.url), concurrency=1)
    assert made.record.cells[0].answered == 20
    assert times[1] - times[0] >= 1.0
