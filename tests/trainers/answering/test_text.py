"""From tokens to shown text: whole characters, stop texts, and the calls of well-known chat templates."""

from __future__ import annotations

import json
from typing import Any

import chat_templates as shapes
import numpy as np
import pytest
from chat_templates import ARGUMENTS, TOOL, calling, tokenizer_with, turn
from hypothesis import given
from hypothesis import strategies as st

from trainers.answering.calls import CallReader
from trainers.answering.pieces import Characters, Until
from trainers.answering.sampling import chooser
from trainers.answers import CalledTool, Question
from trainers.labels import render

CALL = CalledTool("find", ARGUMENTS)
ENDS = {"CHATML": "<|im_end|>", "LLAMA": "<|eot_id|>", "MISTRAL": "</s>", "DESK": "<|end|>"}
# calls as words, as in the example of this project
DESK = """\
{%- for message in messages -%}{{ '<|' + message['role'] + '|>\\n' }}
{%- if loop.first and tools -%}{{ tools | tojson }}{%- endif -%}
{{ message.get('content') or '' }}
{%- for call in message.get('tool_calls') or [] -%}
{{ 'call ' + call['function']['name'] + ' ' + call['function']['arguments'] }}
{%- endfor -%}{{ '<|end|>\\n' }}{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}"""


def shape(name: str) -> Any:
    return tokenizer_with(DESK if name == "DESK" else getattr(shapes, name), eos=ENDS[name])


def shown(tokenizer: Any, tokens: list[int], skipped: tuple[int, ...] = ()) -> list[str]:
    characters = Characters(lambda ids: str(tokenizer.decode(ids)), skipped)
    return [characters.add(token) for token in tokens]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=40))
def test_pieces_are_whole_characters_of_the_text(text: str) -> None:
    tokenizer = shape("CHATML")
    pieces = shown(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"])
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_of_four_tokens_comes_with_the_last_one() -> None:
    tokenizer = shape("CHATML")
    tokens = tokenizer("a\U0001f998b", add_special_tokens=False)["input_ids"]
    assert len(tokens) == 6
    assert shown(tokenizer, tokens) == ["a", "", "", "", "\U0001f998", "b"]
    assert "".join(shown(tokenizer, tokens[:4])) == "a"
    assert "".join(shown(tokenizer, tokens, skipped=(tokens[0],))) == "\U0001f998b"


def test_bytes_that_are_no_character_do_not_hold_back_what_follows() -> None:
    tokenizer = shape("CHATML")
    lone = tokenizer("\U0001f998", add_special_tokens=False)["input_ids"][1:2]
    letters = tokenizer("room", add_special_tokens=False)["input_ids"]
    assert "".join(shown(tokenizer, lone * 9 + letters)) == "\ufffd" * 9 + "room"
    assert "".join(shown(tokenizer, lone * 9)) == "\ufffd" * 6


def first_end(text: str, stops: list[str]) -> int:
    """Characters up to which the first stop text is complete, as one sees it who reads letter by letter."""
    return next(n for n in range(len(text) + 1) if any(text[:n].endswith(stop) for stop in stops))


@given(st.text("ab<", max_size=30), st.lists(st.text("ab<", min_size=1, max_size=4), max_size=3), st.randoms())
def test_text_is_cut_before_the_first_stop_however_it_arrives(text: str, stops: list[str], chance: Any) -> None:
    until, given_, rest = Until(stops), "", text
    while rest:
        size = chance.randint(1, 5)
        given_, rest = given_ + until.add(rest[:size]), rest[size:]
    complete = ((n, stop) for n in range(len(text) + 1) for stop in stops if text[:n].endswith(stop))
    first = min((n - len(stop) for n, stop in complete if n == first_end(text, stops)), default=None)
    assert until.reached == (first is not None)
    assert given_ + until.finish() == text[:first]
    assert until.rest == (text[first:] if first is not None else "")


@pytest.mark.parametrize("name", list(ENDS))
def test_calls_are_read_as_the_template_writes_them(name: str) -> None:
    tokenizer = shape(name)
    messages = [turn("user", "U"), calling() | ({"content": ""} if name == "DESK" else {})]
    prompt = render(tokenizer, messages[:1], [TOOL], prompt=True)
    whole = render(tokenizer, messages, [TOOL])
    written = whole.removeprefix(prompt).rstrip().removesuffix(ENDS[name])
    reader = CallReader(tokenizer, [TOOL])
    assert reader.read(written) == [CALL]
    assert reader.may_begin_bare(written) or any(written.lstrip().startswith(mark) for mark in reader.marks)


WRITTEN = json.dumps({"name": "find", "arguments": ARGUMENTS})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"<tool_call>\n{WRITTEN}\n</tool_call>\n<tool_call>{WRITTEN}</tool_call>", 2),
        (f"[TOOL_CALLS][{WRITTEN}, {WRITTEN}]", 2),
        (f"<|python_tag|>{WRITTEN}", 1),
        (f"```json\n{WRITTEN}\n```", 1),
        (json.dumps({"name": "find", "parameters": ARGUMENTS}), 1),
        (json.dumps({"name": "find", "arguments": json.dumps(ARGUMENTS)}), 1),
        (f"<tool_call>{WRITTEN}</tool_call> and so on", 0),
        (f"<tool_call>{WRITTEN}", 0),
        ("<tool_call>{}</tool_call>", 0),
        (WRITTEN.replace("find", "unknown"), 0),
        (json.dumps({"name": "find", "arguments": [1]}), 0),
        ("call find {", 0),
        ("call unknown {}", 0),
        ("[1, 2]", 0),
        ("[" * 100_000, 0),
    ],
)
def test_other_forms_are_read_too_and_anything_else_is_text(text: str, count: int) -> None:
    for name in ("CHATML", "DESK"):
        assert CallReader(shape(name), [TOOL]).read(text) == [CALL] * count


def test_drawing_follows_the_probabilities_and_the_nucleus() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))

    def shares(**more: Any) -> Any:
        choose = chooser(Question(id="q", messages=[], seed=1, **more))
        assert choose is not None
        return np.bincount([choose(logits) for _ in range(20_000)], minlength=4) / 20_000

    assert shares(temperature=1.0) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.015)
    squared = np.array([0.25, 0.09, 0.0225, 0.0025])
    assert shares(temperature=0.5) == pytest.approx(squared / squared.sum(), abs=0.015)
    assert shares(temperature=1.0, top_p=0.6) == pytest.approx([0.625, 0.375, 0, 0], abs=0.015)
    assert shares(temperature=1e-300).tolist() == [1, 0, 0, 0]
    assert chooser(Question(id="q", messages=[])) is None
