"""The chat row's schema and its typed decoder accept the same rows, and the linter agrees with both."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from service.data import rule_files
from service.lint.fast import DECODER
from service.records.chat_row import ChatRow
from service.verbs.lint import LintInput, LintRequest, lint

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas" / "chat-row.schema.json").read_text()))
TYPED = msgspec.json.Decoder(ChatRow)
RULES = rule_files()

# 1.0 stands for no weight: to JSON Schema it is the number 1, to a decoder it is not, and R030 tells of it
ODD: list[Any] = [None, True, False, 0, 1, 2, -1, 0.5, "", "x", "a b", "\u00e9", [], {}, ["x"], [{}], {"type": "text"}]
odd = st.sampled_from(ODD)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any] = odd) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda number: bad if number == 13 else good)


def nearly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these keys, now and then without one, with an odd value, or with a key too many."""

    def bent(value: dict[str, Any], bend: int, which: int, what: Any) -> dict[str, Any]:
        key = sorted(value)[which % len(value)]
        if bend == 0:
            return {name: one for name, one in value.items() if name != key}
        if bend == 1:
            return value | {key: what}
        return value | {"extra": what} if bend == 2 else value

    return st.builds(bent, st.fixed_dictionaries(fields), st.integers(0, 39), st.integers(0, 9), odd)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


text = st.sampled_from(["", "Hi?", "a\n", "\u4f60"])
name = mostly(st.sampled_from(["pat", "a" * 64, "x-1_Y"]), st.sampled_from(["a" * 65, "a b", "", "a\n", None]))
text_part = nearly(type=st.just("text"), text=text)
url = merged(nearly(url=text), some(detail=mostly(st.sampled_from(["low", "high", "auto"]))))
image = nearly(type=st.just("image_url"), image_url=url)
texts = mostly(st.one_of(text, st.lists(text_part, max_size=2)))
contents = mostly(st.one_of(text, st.lists(st.one_of(text_part, image), max_size=2)))
called = nearly(name=name, arguments=text)
call = nearly(id=text, type=mostly(st.just("function")), function=called)
weight = mostly(st.sampled_from([0, 1]))
role = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "User", "human", None, 1])
message = st.one_of(
    merged(nearly(role=st.sampled_from(["system", "developer"]), content=texts), some(name=name)),
    merged(nearly(role=st.just("user"), content=contents), some(name=name, weight=weight)),
    merged(
        nearly(role=st.just("assistant")),
        some(
            content=contents, name=name, weight=weight, function_call=mostly(called),
            tool_calls=mostly(st.lists(call, min_size=1, max_size=2)), refusal=mostly(text),
        ),
    ),
    nearly(role=st.just("tool"), content=texts, tool_call_id=text),
    nearly(role=st.just("function"), content=texts, name=name),
    merged(nearly(role=role), some(content=contents)),
)  # fmt: skip
function = merged(
    nearly(name=name), some(description=mostly(text), parameters=mostly(st.just({})), strict=mostly(st.booleans()))
)
tool = nearly(type=mostly(st.just("function")), function=function)
rows = merged(
    nearly(messages=st.lists(message, min_size=1, max_size=3)),
    some(
        tools=mostly(st.lists(tool, max_size=2)), parallel_tool_calls=mostly(st.booleans()),
        functions=mostly(st.lists(function, max_size=2)),
    ),
)  # fmt: skip


def typed(row: Any) -> bool:
    try:
        TYPED.decode(json.dumps(row))
    except msgspec.ValidationError:
        return False
    return True


@given(st.one_of(rows, odd))
@settings(max_examples=1_500, deadline=None)
def test_the_schema_accepts_what_the_typed_row_accepts(row: Any) -> None:
    assert SCHEMA.is_valid(row) == typed(row)


plain = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["system", "user", "assistant"]), "content": st.sampled_from(["a", "", None])},
                optional={"weight": st.sampled_from([0, 1, None])},
            ),
            min_size=1, max_size=3,
        )
    }
)  # fmt: skip


@given(plain)
@settings(deadline=None)
def test_what_the_fast_path_decodes_is_a_chat_row(row: Any) -> None:
    try:
        DECODER.decode(json.dumps(row))
    except msgspec.ValidationError:
        return
    assert SCHEMA.is_valid(row)


@given(rows)
@settings(max_examples=300, deadline=None)
def test_a_row_that_is_none_is_no_clean_row(row: Any) -> None:
    if SCHEMA.is_valid(row):
        return
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai", max_findings=0)
    report = lint(request, rules=RULES, stdin=io.BytesIO(json.dumps(row).encode()))
    assert {one.rule[0] for one in report.findings} & set("FRTM"), row


@pytest.mark.parametrize("file", ["train.jsonl", "validation.jsonl"])
def test_every_row_of_the_example_is_one(file: str) -> None:
    for line in (ROOT / "examples" / "library-desk" / file).read_text().splitlines():
        assert SCHEMA.is_valid(json.loads(line))
        assert typed(json.loads(line))
