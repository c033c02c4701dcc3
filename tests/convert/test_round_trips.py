"""Laws: there and back is where one started, converting twice is converting once, and nothing else ever happens."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.verbs.lint import LintInput, LintRequest, lint

Convert = Callable[..., Any]
TEXT = st.text(min_size=1, max_size=20).filter(lambda one: bool(one.strip()))
NAMES = st.sampled_from(["find", "count", "look_up"])
ARGUMENTS = st.dictionaries(TEXT, st.integers(-9, 9) | TEXT | st.none(), max_size=2)
TOOLS = st.lists(NAMES, unique=True, max_size=2).map(
    lambda names: [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """Chat rows with tools; calls have the ids that a conversion gives."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXT)})
    calls = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(TEXT)})
        for name in draw(st.lists(NAMES, max_size=2)):
            calls += 1
            arguments = json.dumps(draw(ARGUMENTS), separators=(",", ":"), ensure_ascii=False)
            call = {"id": f"call{calls:05}", "type": "function", "function": {"name": name, "arguments": arguments}}
            messages.append({"role": "assistant", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": draw(st.text(max_size=9))})
        messages.append({"role": "assistant", "content": draw(TEXT)})
    tools = draw(TOOLS)
    return {"messages": messages, **({"tools": tools} if tools else {})}


ANSWERS = st.lists(TEXT.map(lambda text: {"role": "assistant", "content": text}), min_size=1, max_size=2)
PREFERENCES = st.builds(
    lambda chat, chosen, rejected: {
        "input": {**chat, "messages": chat["messages"][:-1]},
        "preferred_output": chosen,
        "non_preferred_output": rejected,
    },
    conversations().filter(lambda one: one["messages"][-2]["role"] in {"user", "tool"}),
    ANSWERS,
    ANSWERS,
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round-trips") / "out.jsonl"


@given(st.lists(conversations(), min_size=1, max_size=3))
def test_chat_to_sharegpt_and_back_is_the_same_chat(converted: Convert, out: Path, rows: list[Any]) -> None:
    there, _ = converted(rows, out, to="sharegpt")
    assert len(there) == len(rows)
    assert converted(there, out)[0] == rows


@given(st.lists(conversations(), min_size=1, max_size=3))
def test_chat_stays_what_it_is(converted: Convert, out: Path, rows: list[Any]) -> None:
    assert converted(rows, out)[0] == rows


@given(conversations())
def test_legacy_functions_become_the_tools_that_they_were_made_from(
    converted: Convert, out: Path, row: dict[str, Any]
) -> None:
    legacy: dict[str, Any] = {"messages": []}
    for message in row["messages"]:
        if "tool_calls" in message:
            (call,) = message["tool_calls"]
            legacy["messages"].append({"role": "assistant", "content": None, "function_call": call["function"]})
        elif message["role"] == "tool":
            name = legacy["messages"][-1]["function_call"]["name"]
            legacy["messages"].append({"role": "function", "name": name, "content": message["content"]})
        else:
            legacy["messages"].append(message)
    if "tools" in row:
        legacy["functions"] = [tool["function"] for tool in row["tools"]]
    assert converted([legacy], out)[0] == [row]


@given(st.lists(PREFERENCES, min_size=1, max_size=3))
def test_openais_preferences_to_trls_and_back_are_the_same(converted: Convert, out: Path, rows: list[Any]) -> None:
    there, record = converted(rows, out, to="dpo-trl")
    assert record.bad == []
    assert converted(there, out, to="dpo")[0] == rows


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.sampled_from(",;\t|"), st.booleans())
def test_what_a_spreadsheet_writes_is_what_is_read(
    converted_bytes: Convert, out: Path, pairs: list[tuple[str, str]], delimiter: str, bom: bool
) -> None:
    sheet = io.StringIO(newline="")
    csv.writer(sheet, delimiter=delimiter).writerows([("Question", "Answer"), *pairs])
    raw = sheet.getvalue().encode("utf-8-sig" if bom else "utf-8")
    rows, _ = converted_bytes(raw, out)
    assert [tuple(message["content"] for message in row["messages"]) for row in rows] == pairs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "[]", "{}", "human", "gpt", "tool"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "from", "value", "tool_calls", "tool_call_id", "function_call", "function",
                         "name", "arguments", "weight", "messages", "type"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ANY_ROW = st.dictionaries(
    st.sampled_from(["messages", "conversations", "instruction", "input", "output", "history", "system", "prompt",
                     "completion", "chosen", "rejected", "preferred_output", "non_preferred_output", "tools",
                     "functions", "question", "answer"]), JSON, max_size=5,
)  # fmt: skip


@given(st.lists(ANY_ROW, min_size=1, max_size=4), st.sampled_from(["chat", "sharegpt", "dpo", "dpo-trl"]))
def test_every_row_is_either_written_or_named(converted: Convert, out: Path, rows: list[Any], to: str) -> None:
    written, record = converted(rows, out, to=to, skip_bad=True)
    assert len(written) + len(record.bad) == len(rows)


@given(st.lists(conversations(), min_size=1, max_size=3), st.sampled_from(["openai", "local"]))
def test_lint_finds_no_error_of_shape_in_what_was_converted(
    converted: Convert, out: Path, rows: list[Any], target: str
) -> None:
    there, _ = converted(rows, out, to="sharegpt")
    converted(there, out)
    assert shape_errors(out, target, "sft") == []


@given(st.lists(PREFERENCES, min_size=1, max_size=3), st.sampled_from([("openai", "dpo"), ("trl", "dpo-trl")]))
def test_lint_finds_no_error_of_shape_in_preferences(
    converted: Convert, out: Path, rows: list[Any], target: tuple[str, str]
) -> None:
    converted(rows, out, to=target[1])
    assert shape_errors(out, target[0], "dpo") == []


def shape_errors(path: Path, target: str, method: str) -> list[str]:
    request = LintRequest(inputs=[LintInput(path, path.name)], target=target, method=method, max_findings=0)
    found = lint(request, rules=rule_files()).findings
    # U+0000 and the like in a text are the text's, not the shape's
    return [f"{one.rule} {one.message}" for one in found if one.severity == "error" and one.rule[0] in "FRTD"]
