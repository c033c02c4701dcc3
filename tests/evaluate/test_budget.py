"""A budget: never more is spent, what was paid for is kept, and a larger one goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate

# prompts are said to have 10 tokens and answers 5: 10 * 1000 + 5 * 2000 per million is 0.02 USD
PRICES = ("[usd_per_million]", "input = 1000.0", "output = 2000.0")
PAID = 0.02
MOST = (
    len('{"model":"m","messages":[{"role":"user","content":"question 0"}],"max_tokens":5,"temperature":0.0}') / 1e3
    + 0.01
)
ROOT = Path(__file__).resolve().parents[2]
Model = Callable[..., str]


def ask(*models: str, **more: Any) -> Evaluated:
    request = EvaluateRequest(
        files=[Path("rows.jsonl")], out=Path("out"), models=list(models), max_new_tokens=5, **more
    )
    return evaluate(request)


def test_asking_stops_before_the_budget_is_spent_and_goes_on_with_a_larger_one(questions: Path, model: Model) -> None:
    with Endpoint(right) as endpoint:
        priced = model(endpoint.url, *PRICES)
        first = ask(priced, budget=0.2)
        asked = len(endpoint.bodies)
        assert first.out_of_budget
        assert not first.record.complete
        assert 0 < asked < 10
        assert first.paid_usd == pytest.approx(asked * PAID)
        again = ask(priced, budget=0.2)
        assert (len(endpoint.bodies), again.asked, again.cached) == (asked, 0, asked)
        last = ask(priced, budget=5.0)
    assert (last.record.complete, last.record.cells[0].answered, last.asked) == (True, 20, 20 - asked)
    assert len(endpoint.bodies) == 20
    assert last.paid_usd == pytest.approx(20 * PAID)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_never_more_than_the_budget_is_spent_at_once(questions: Path, model: Model, concurrency: int) -> None:
    with Endpoint(right) as endpoint:
        made = ask(model(endpoint.url, *PRICES), budget=0.25, concurrency=concurrency)
    assert made.paid_usd <= 0.25
    # the highest possible price of a request is that of its bytes as tokens, and of an answer as long as allowed
    assert len(endpoint.bodies) == 1 + int((0.25 - MOST) / PAID)


def test_what_was_under_way_when_it_was_killed_counts_as_paid(questions: Path, model: Model) -> None:
    """The endpoint bills what it was sent, whether or not somebody waits for the answer."""
    with Endpoint(lambda body, number: Said(hang=True)) as endpoint:
        priced = model(endpoint.url, *PRICES, "[parameters]", 'user = "u"')
        command = [sys.executable, "-m", "service", "evaluate", "rows.jsonl", "--model", priced, "-o", "out"]
        command += ["--budget", "0.5", "--max-new-tokens", "5", "--concurrency", "3"]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
            end = time.monotonic() + 60
            while len(endpoint.bodies) < 3:
                assert time.monotonic() < end
                time.sleep(0.01)
            process.kill()
        lost = sum(len(json.dumps(body, separators=(",", ":"))) * 0.001 + 5 * 0.002 for body in endpoint.bodies)
        endpoint.rule = right
        made = ask(priced, budget=5.0)
    assert made.record.complete
    assert made.paid_usd == pytest.approx(lost + 20 * PAID)


def test_what_is_sent_with_every_request_is_priced_too(questions: Path, model: Model) -> None:
    """The form of an answer that `parameters` asks for is read by the model, and billed."""
    with Endpoint(right) as endpoint:
        asked = model(endpoint.url, *PRICES, "[parameters]", f'response_format = "{"x" * 20_000}"')
        made = ask(asked, budget=1.0)
    assert (made.out_of_budget, endpoint.bodies) == (True, [])


def test_answers_that_are_no_answers_are_paid_for_too(questions: Path, model: Model) -> None:
    with Endpoint(lambda body, number: Said(raw=b"nonsense")) as endpoint, pytest.raises(Exception, match="no answer"):
        ask(model(endpoint.url, *PRICES), budget=0.3, concurrency=1)
    # nobody says what such an answer costs, so each is taken at the highest possible price
    assert len(endpoint.bodies) == int(0.3 / MOST)


def test_rows_come_before_variants_so_that_both_are_asked_of_the_same(
    questions: Path, write: Write, model: Model
) -> None:
    variants = [write("a.toml", "temperature = 0.1\n"), write("b.toml", "temperature = 0.2\n")]
    with Endpoint(right) as endpoint:
        made = ask(model(endpoint.url, *PRICES), budget=0.5, variants=variants, concurrency=1)
    first, second = (cell.rows for cell in made.record.cells)
    assert 0 <= first - second <= 1
    assert first > 3


def test_equal_requests_are_asked_once(write: Write, model: Model) -> None:
    write("rows.jsonl", [chat("question 1", "answer 1")] * 20)
    with Endpoint(right) as endpoint:
        made = ask(model(endpoint.url), concurrency=8)
    assert (len(endpoint.bodies), made.record.cells[0].answered) == (1, 20)
