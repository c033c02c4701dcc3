"""A budget: never more is spent, what was paid for is kept, and a larger one goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate

# prompts are said to have 10 tokens and answers 5: 10 * 1000 + 5 * 2000 per million is 0.02 USD
PRICES = ("[usd_per_million]", "input = 1000.0", "output = 2000.0")
PAID = 0.02
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
        made = ask(model(endpoint.url, *PRICES), budget=0.15, concurrency=concurrency)
    assert made.paid_usd <= 0.15
    # the highest possible price of a request is that of 48 bytes as tokens, and of an answer as long as allowed
    assert len(endpoint.bodies) == 1 + int((0.15 - 0.058) / PAID)


def test_answers_that_are_no_answers_are_paid_for_too(questions: Path, model: Model) -> None:
    with Endpoint(lambda body, number: Said(raw=b"nonsense")) as endpoint, pytest.raises(Exception, match="no answer"):
        ask(model(endpoint.url, *PRICES), budget=0.3, concurrency=1)
    # nobody says what such an answer costs, so each is taken at the highest possible price
    assert len(endpoint.bodies) == int(0.3 / 0.058)


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
