"""Endpoints that do not do what they are asked: counted by reason, asked a bounded number of times, an honest end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said

from service.errors import TuneGateError
from tests.synth.conftest import Ask, good, row

LOOP = "We open at nine and close at six on every day of the week. " * 12
USELESS = {
    "SYN-010": lambda body: row(" ", "There is no question."),
    "SYN-020": lambda body: Said(text="Question: where? Answer: there."),
    "SYN-030": lambda body: Said(text="I'm sorry, but I cannot help with that request."),
    "SYN-040": lambda body: Said(text=body["messages"][-1]["content"]),
    "SYN-050": lambda body: row("When are you open?", LOOP),
    "SYN-100": lambda body: row("Where is the desk?", "The desk is on the second floor near the stairs."),
}


@pytest.mark.parametrize("rule", USELESS)
def test_useless_replies_are_counted_and_end(docs: Path, endpoint: Endpoint, ask: Ask, rule: str) -> None:
    endpoint.rule = lambda body, number: USELESS[rule](body)
    made = ask(rows=12).record
    assert made.verdict == "fail"
    assert made.rejected.keys() == {rule}
    assert made.why[0].rule == "SYN-210"
    assert made.output is None or made.output.rows == 1
    # 24 requests can be asked for, each twice
    assert len(endpoint.bodies) <= 48


def test_the_words_of_a_reply_are_nowhere_but_in_the_work_folder(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    endpoint.rule = lambda body, number: Said(text="eponine says nothing useful")
    made = ask(rows=4)
    assert b"eponine" not in repr(made).encode()
    assert [path.name for path in Path().rglob("*") if path.is_file() and b"eponine" in path.read_bytes()] == [
        "answers.jsonl"
    ]


FAULTS: dict[str, Said] = {
    "timeout": Said(hang=True),
    "connection": Said(drop=True),
    "server_error": Said(status=500, raw=b"{}"),
    "not_json": Said(raw=b"<html>"),
    "no_answer": Said(raw=b'{"choices": []}'),
    "key_refused": Said(status=401, raw=b"{}"),
}


@pytest.mark.parametrize("code", FAULTS)
def test_an_endpoint_that_answers_nothing_ends_with_its_code(
    docs: Path, endpoint: Endpoint, ask: Ask, code: str
) -> None:
    endpoint.rule = lambda body, number: FAULTS[code]
    path = Path("m.toml")
    path.write_text(path.read_text() + "timeout_s = 0.2\nretries = 1\n")
    with pytest.raises(TuneGateError) as raised:
        ask(rows=12)
    assert raised.value.exit_code == 3
    assert code in str([one.seen for one in raised.value.errors])
    assert not Path("out.jsonl").exists()
    assert not Path("out.synth.json").exists()


def test_an_endpoint_that_ends_on_the_way_loses_nothing(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    def ends(body: dict[str, Any], number: int) -> Said:
        return good(body, number) if len(endpoint.bodies) <= 5 else Said(status=401, raw=b"{}")

    endpoint.rule = ends
    with pytest.raises(TuneGateError, match=r"given up after [1-5] row") as raised:
        ask(rows=12, concurrency=2)
    assert raised.value.exit_code == 3
    endpoint.rule = good
    before = len(endpoint.bodies)
    made = ask(rows=12, concurrency=2)
    assert made.record.verdict == "pass"
    assert len(endpoint.bodies) - before == 7


def test_a_wait_that_is_asked_for_is_kept_and_what_fails_at_first_is_asked_again(
    docs: Path, endpoint: Endpoint, ask: Ask
) -> None:
    def busy(body: dict[str, Any], number: int) -> Said:
        return Said(status=429, raw=b"{}", headers={"retry-after": "0"}) if number == 1 else good(body, number)

    endpoint.rule = busy
    made = ask(rows=12).record
    assert made.verdict == "pass"
    assert made.spent.requests == len(endpoint.bodies) == 24


@pytest.mark.parametrize(
    ("budget", "most"),
    [({"budget_requests": 5}, 5), ({"budget_tokens": 6_000}, 5), ({"max_cost": 0.006, "price": "1/1"}, 5)],
)
def test_budgets_are_never_exceeded(
    docs: Path, endpoint: Endpoint, ask: Ask, budget: dict[str, Any], most: int
) -> None:
    # nobody says how many tokens it were, so the most counts
    endpoint.rule = lambda body, number: Said(text=good(body, number).text, usage=False)
    model = {"model": "m", "endpoint": endpoint.url}
    made = ask(rows=12, **model, **budget).record
    assert 1 <= len(endpoint.bodies) <= most
    assert made.spent.requests == len(endpoint.bodies)
    assert made.spent.tokens <= budget.get("budget_tokens", 10**9)
    assert (made.spent.usd or 0) <= budget.get("max_cost", 1)
    assert made.verdict == "fail"
    assert "the budget is used up" in made.why[0].says
    again = ask(rows=12, out=Path("more.jsonl"), work=Path("out.jsonl.work"), **model, **budget).record
    assert again.spent.requests == made.spent.requests, "budgets are over all tries"


def test_rows_are_never_more_than_were_asked_for(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    made = ask(rows=3, concurrency=16).record
    assert made.output is not None
    assert made.output.rows == 3 == len(endpoint.bodies)


def test_a_reply_in_a_fence_is_read(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    def fenced(body: dict[str, Any], number: int) -> Said:
        return Said(text=f"```json\n{json.dumps(json.loads(good(body, number).text or ''), indent=1)}\n```")

    endpoint.rule = fenced
    assert ask(rows=12).record.verdict == "pass"
