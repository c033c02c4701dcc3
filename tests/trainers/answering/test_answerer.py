"""What is said of answers whose tokens are known beforehand: text, calls, stop texts, ends, the switch of rotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chat_templates import ARGUMENTS, CHATML, MISTRAL, TOOL, tokenizer_with

from trainers.answering.answerer import Answerer
from trainers.answers import Answered, CalledTool, Engine, Piece, Question, Said

CALL = '<tool_call>\n{"name": "find", "arguments": {"place": "map room", "floor": 2}}\n</tool_call>'
LISTED = '[TOOL_CALLS][{"name": "find", "arguments": {"place": "map room", "floor": 2}}]'


class Written:
    """A model that has written its answer already."""

    engine: Engine = "onnxruntime"

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = iter(tokens)
        self.started: list[list[int]] = []

    def start(self, ids: list[int], *, longest: int) -> Any:
        self.started.append(list(ids))
        return self

    def next(self, choose: Any) -> int:
        return next(self._tokens)


def said(text: str, *, template: str = CHATML, switch: int | None = None, **more: Any) -> tuple[list[Said], Written]:
    end = "</s>" if template == MISTRAL else "<|im_end|>"
    tokenizer = tokenizer_with(template, eos=end)
    model = Written(tokenizer(text + end, add_special_tokens=False)["input_ids"])
    answerer = Answerer(model, tokenizer, context=None, ends={tokenizer.eos_token_id}, switch=switch)
    asked = Question(id="q", messages=[{"role": "user", "content": "where?"}], **more)
    return list(answerer.answer(asked)), model


def answered(text: str, **more: Any) -> tuple[str, list[CalledTool], str, list[str]]:
    heard, _ = said(text, **more)
    pieces = [one.text for one in heard if isinstance(one, Piece)]
    last = heard[-1]
    assert isinstance(last, Answered)
    assert "".join(pieces) == last.text
    return last.text, last.calls, last.finish_reason, pieces


@pytest.mark.parametrize(("call", "template"), [(CALL, CHATML), (CALL + "\n" + CALL, CHATML), (LISTED, MISTRAL)])
def test_calls_are_no_text_where_tools_were_given(call: str, template: str) -> None:
    made = [CalledTool("find", ARGUMENTS)] * call.count("find")
    assert answered(call, template=template, tools=[TOOL])[:3] == ("", made, "tool_calls")
    text, calls, why, pieces = answered(f"Let me look: {call}", template=template, tools=[TOOL])
    assert (text, calls, why) == ("Let me look: ", made, "tool_calls")
    assert len(pieces) > 3


def test_calls_are_text_where_no_tools_were_given_or_they_are_broken() -> None:
    assert answered(CALL)[:3] == (CALL, [], "stop")
    broken = CALL.replace("}}", "}")
    assert answered(f"So: {broken} there.", tools=[TOOL])[:3] == (f"So: {broken} there.", [], "stop")
    assert answered('{"a": 1}', tools=[TOOL])[:3] == ('{"a": 1}', [], "stop")
    assert answered("a < b", tools=[TOOL])[:3] == ("a < b", [], "stop")


def test_special_tokens_are_no_text() -> None:
    assert answered("one<|im_start|> two")[:3] == ("one two", [], "stop")


def test_an_answer_is_cut_at_its_longest_and_at_a_stop_text() -> None:
    assert answered("the map room is here", max_tokens=4)[2] == "length"
    assert answered("the map room is here", stop=["room", "zzz"])[:3] == ("the map ", [], "stop")
    heard, _ = said("x" * 10, max_tokens=4)
    assert isinstance(heard[-1], Answered)
    assert heard[-1].completion_tokens == 4


def test_nobody_waits() -> None:
    tokenizer = tokenizer_with(CHATML)
    model = Written(tokenizer("where is the map room", add_special_tokens=False)["input_ids"])
    answerer = Answerer(model, tokenizer, context=None, ends=set(), switch=None)
    waits: Iterator[bool] = iter([False, False, True])
    heard = list(answerer.answer(Question(id="q", messages=[{"role": "user", "content": "?"}]), lambda: next(waits)))
    assert len([one for one in heard if isinstance(one, Piece)]) == 2
    assert not isinstance(heard[-1], Answered)


def test_the_text_is_read_again_when_it_grows_past_the_switch() -> None:
    _, model = said("the map room is here")
    (prompt,) = model.started
    _, model = said("the map room is here", switch=len(prompt) + 2)
    assert [len(one) for one in model.started] == [len(prompt), len(prompt) + 3]
    assert model.started[1][: len(prompt)] == prompt
    _, model = said("the map room is here", switch=len(prompt) - 1)
    assert len(model.started) == 1
