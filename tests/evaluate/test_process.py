"""A model on this machine: asked line by line, its refusals and its death, and that it ends with the evaluation."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from service.errors import TuneGateError
from service.evaluate.answers import ExpectedCall
from service.evaluate.asker import Reply, Unanswered
from service.evaluate.models import Model
from service.evaluate.process import ProcessAsker
from service.evaluate.prompts import Prompt

SCRIPT = Path(__file__).with_name("scripted_process.py")
LOG = Path("log.jsonl")


def prompt(said: str, **more: Any) -> Prompt:
    return Prompt(messages=[{"role": "user", "content": said}], max_new_tokens=9, **more)


def asked(how: str, *prompts: Prompt, seed: int = 7) -> list[Reply | Exception]:
    """What each prompt gives, all asked at once."""

    async def run() -> list[Reply | Exception]:
        model = Model(id="mine", name="mine", folder="folder", sha256="0")
        asker = ProcessAsker(model, seed=seed, command=[sys.executable, str(SCRIPT), how, str(LOG)])
        try:
            found = await asyncio.gather(*(asker.ask(one) for one in prompts), return_exceptions=True)
        finally:
            await asker.close()
        return [one for one in found if isinstance(one, Reply | Exception)]

    return asyncio.run(run())


def test_questions_are_answered_one_after_the_other_and_the_process_ends() -> None:
    tools = [{"type": "function"}]
    first, second, third = asked("answers", prompt("one"), prompt("call", tools=tools), prompt("two", temperature=0.5))
    assert first == Reply(text="said one", tokens_in=3, tokens_out=2, seconds=0.5)
    assert isinstance(second, Reply)
    assert second.calls == [ExpectedCall("find", {"floor": 2})]
    assert isinstance(third, Reply)
    assert third.text == "said two"
    *lines, last = LOG.read_text().splitlines()
    sent = [json.loads(line) for line in lines]
    assert [one["max_tokens"] for one in sent] == [9, 9, 9]
    assert (sent[1]["tools"], [one["seed"] is None for one in sent]) == (tools, [True, True, False])
    assert last == "ended"


def seeds(*prompts: Prompt, seed: int = 7) -> list[int]:
    """What a process of its own is given to draw by."""
    LOG.unlink(missing_ok=True)
    asked("answers", *prompts, seed=seed)
    return [json.loads(line)["seed"] for line in LOG.read_text().splitlines()[:-1]]


def test_an_answer_is_drawn_by_its_own_seed_whatever_was_asked_before() -> None:
    """What goes on after a stop draws what is missing, not what is there already."""
    drawn = [prompt("one", temperature=0.5, sample=n) for n in range(3)] + [prompt("two", temperature=0.5)]
    found = seeds(*drawn)
    assert len(set(found)) == 4
    assert seeds(*reversed(drawn)) == found[::-1]
    assert not set(seeds(*drawn, seed=8)) & set(found)


def test_the_seed_is_part_of_what_is_asked() -> None:
    """So that answers by another seed are asked for, and greedy ones are not asked for again."""
    model = Model(id="mine", name="mine", folder="folder", sha256="0")
    first, second = (ProcessAsker(model, seed=seed, command=["none"]) for seed in (7, 8))
    assert first.request(prompt("one", temperature=0.5)) != second.request(prompt("one", temperature=0.5))
    assert first.request(prompt("one")) == second.request(prompt("one"))


def test_a_question_that_is_refused_is_a_code_and_the_next_one_goes_on() -> None:
    refused, answered = asked("answers", prompt("long"), prompt("two"))
    assert isinstance(refused, Unanswered)
    assert refused.code == "too_long"
    assert isinstance(answered, Reply)


@pytest.mark.parametrize(("how", "code", "words"), [
    ("refuses", "unreadable_model", "mine: It has no weights."), ("dies", "trainer_died", "the process that answers"),
])  # fmt: skip
def test_a_model_that_cannot_answer_says_why(how: str, code: str, words: str) -> None:
    (error,) = asked(how, prompt("one"))
    assert isinstance(error, TuneGateError)
    assert error.code == code
    assert words in error.detail
