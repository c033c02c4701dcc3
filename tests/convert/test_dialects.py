"""Every dialect, row by row: what it becomes, and why another row becomes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Convert = Callable[..., Any]
SYSTEM = {"role": "system", "content": "Be brief."}
ASKED = {"role": "user", "content": "Where?"}
ANSWERED = {"role": "assistant", "content": "Here."}
CHAT = {"messages": [ASKED, ANSWERED]}
CALL = {"id": "call00001", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CALLED = {
    "messages": [
        ASKED,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call00001", "content": "7"},
        ANSWERED,
    ],
    "tools": [TOOL],
}
DPO = {
    "input": {"messages": [SYSTEM, ASKED]},
    "preferred_output": [ANSWERED],
    "non_preferred_output": [{"role": "assistant", "content": "No."}],
}
TRL = {"prompt": [SYSTEM, ASKED], "chosen": [ANSWERED], "rejected": [{"role": "assistant", "content": "No."}]}


def turns(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": who, "value": text} for who, text in said]


TO_CHAT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chat": (CHAT, CHAT),
    "roles as people write them": (
        {"messages": [{"role": "Human", "content": "Where?"}, {"role": " gpt ", "content": "Here."}]},
        CHAT,
    ),
    "messages as a string": ({"messages": json.dumps(CHAT["messages"])}, CHAT),
    "sharegpt": ({"conversations": turns(("human", "Where?"), ("gpt", "Here."))}, CHAT),
    "sharegpt with other names": ({"conversations": turns(("user", "Where?"), ("chatgpt", "Here."))}, CHAT),
    "sharegpt with role and content": ({"conversations": CHAT["messages"]}, CHAT),
    "sharegpt under messages": ({"messages": turns(("human", "Where?"), ("bot", "Here."))}, CHAT),
    "sharegpt with a system key": (
        {"system": "Be brief.", "conversations": turns(("human", "Where?"), ("model", "Here."))},
        {"messages": [SYSTEM, ASKED, ANSWERED]},
    ),
    "sharegpt with a system turn and an empty key": (
        {"system": "", "conversations": turns(("system", "Be brief."), ("human", "Where?"), ("gpt", "Here."))},
        {"messages": [SYSTEM, ASKED, ANSWERED]},
    ),
    "sharegpt with tools": (
        {
            "conversations": turns(
                ("human", "Where?"),
                ("function_call", '{"name": "find", "arguments": {"a": 1}}'),
                ("observation", "7"),
                ("gpt", "Here."),
            ),
            "tools": json.dumps([TOOL["function"]]),
        },
        CALLED,
    ),
    "alpaca": ({"instruction": "Where?", "input": "", "output": "Here."}, CHAT),
    "alpaca with all keys": (
        {
            "instruction": "Say it in French.",
            "input": "Here.",
            "output": "Ici.",
            "system": "Be brief.",
            "history": [["Where?", "Here."]],
        },
        {
            "messages": [
                SYSTEM,
                ASKED,
                ANSWERED,
                {"role": "user", "content": "Say it in French.\nHere."},
                {"role": "assistant", "content": "Ici."},
            ]
        },
    ),
    "prompt and completion": ({"prompt": "Where?", "completion": "Here."}, CHAT),
    "prompt and completion as messages": ({"prompt": [ASKED], "completion": [ANSWERED]}, CHAT),
    "legacy functions": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": '{"a":1}'}},
                {"role": "function", "name": "find", "content": "7"},
                ANSWERED,
            ],
            "functions": [TOOL["function"]],
        },
        CALLED,
    ),
    "arguments and results as objects": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": {"a": 1}}}]},
                {"role": "tool", "name": "find", "content": 7},
                ANSWERED,
            ],
            "tools": [TOOL],
        },
        CALLED,
    ),
    "results by name": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "tool_calls": [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]},
                {"role": "tool", "name": "g", "content": "2"},
                {"role": "tool", "name": "f", "content": "1"},
                ANSWERED,
            ]
        },
        {
            "messages": [
                ASKED,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "call00002", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "call00002", "content": "2"},
                {"role": "tool", "tool_call_id": "call00001", "content": "1"},
                ANSWERED,
            ]
        },
    ),
    "weights": (
        {"messages": [ASKED, {**ANSWERED, "weight": True}]},
        {"messages": [ASKED, {**ANSWERED, "weight": 1}]},
    ),
    "keys that leave no choice": ({"Question": "Where?", "Answer": "Here."}, CHAT),
}
TO_DPO: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai": (DPO, DPO),
    "trl": (TRL, DPO),
    "trl with a prompt in both answers": (
        {"chosen": [*TRL["prompt"], *TRL["chosen"]], "rejected": [*TRL["prompt"], *TRL["rejected"]]},
        DPO,
    ),
    "trl with the prompt repeated": (
        {"prompt": "Where?", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, *TRL["rejected"]], "system": None},
        {**DPO, "input": {"messages": [ASKED]}},
    ),
    "plain strings": ({"system": "Be brief.", "prompt": "Where?", "chosen": "Here.", "rejected": "No."}, DPO),
    "alpaca": ({"instruction": "Where?", "chosen": "Here.", "rejected": "No.", "system": "Be brief."}, DPO),
    "preferences beside messages": ({**TRL, "messages": [ASKED, ANSWERED]}, DPO),
}


@pytest.mark.parametrize("name", TO_CHAT)
def test_a_row_becomes_chat(converted: Convert, name: str, tmp_path: Path) -> None:
    row, expected = TO_CHAT[name]
    rows, record = converted([row], tmp_path / "out.jsonl")
    assert record.bad == []
    assert rows == [expected]


@pytest.mark.parametrize("name", TO_DPO)
def test_a_row_becomes_a_preference(converted: Convert, name: str, tmp_path: Path) -> None:
    row, expected = TO_DPO[name]
    rows, record = converted([row], tmp_path / "out.jsonl", to="dpo")
    assert record.bad == []
    assert rows == [expected]


def test_a_preference_becomes_trls(converted: Convert, tmp_path: Path) -> None:
    assert converted([DPO], tmp_path / "out.jsonl", to="dpo-trl")[0] == [TRL]


def test_all_shapes_may_stand_in_one_file(converted: Convert, tmp_path: Path) -> None:
    rows, record = converted([row for row, _ in TO_CHAT.values()], tmp_path / "out.jsonl")
    assert rows == [expected for _, expected in TO_CHAT.values()]
    assert record.shapes == {"alpaca": 2, "chat": 8, "prompt-completion": 2, "sharegpt": 6, "table": 1}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([1], "not an object"),
        ({"text": "All of it."}, "no known shape"),
        ({"prompt": "a", "question": "b", "answer": "c"}, "leave a choice"),
        ({"messages": []}, "no messages"),
        ({"messages": "nope"}, "no JSON"),
        ({"messages": [ASKED]}, "does not end with the assistant"),
        ({"messages": [ANSWERED]}, "no user message"),
        ({"messages": [ASKED, {"role": "teacher", "content": "Here."}]}, "role is missing or unknown"),
        ({"messages": [ASKED, {"role": "assistant", "content": " "}]}, "the answer is empty"),
        ({"messages": [ASKED, {"role": "assistant", "content": 3}]}, "not a text"),
        ({"messages": [ASKED, {"role": "assistant"}]}, "content is missing"),
        ({"messages": [ASKED, {**ANSWERED, "weight": 0.5}]}, "neither 0 nor 1"),
        ({"messages": [ASKED, {"role": "tool", "content": "7"}, ANSWERED]}, "answers no earlier call"),
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "no function name"),
        ({"messages": CALLED["messages"], "tools": [{"x": 1}]}, "a tool is neither"),
        ({"prompt": "Where?", "completion": ""}, "the answer is empty"),
        ({"prompt": "", "completion": "Here."}, "the prompt is empty"),
        ({"instruction": "a", "output": "b", "history": [["x"]]}, "turn of the history"),
        (TRL, "--to dpo"),
    ],
)
def test_a_row_that_is_no_chat_is_said_to_be_none(converted: Convert, row: Any, why: str, tmp_path: Path) -> None:
    rows, record = converted([CHAT, row], tmp_path / "out.jsonl")
    assert rows == []
    assert record.output is None
    (bad,) = record.bad
    assert bad.line == 2
    assert why in bad.why


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (CHAT, "--to chat"),
        ({**TRL, "prompt": []}, "no user message"),
        ({**TRL, "prompt": [ASKED, ANSWERED]}, "ends with the assistant"),
        ({**TRL, "rejected": []}, "the other output has no answer"),
        ({**TRL, "chosen": [ANSWERED, ASKED, ANSWERED]}, "another role"),
        ({"chosen": "Here.", "rejected": "No."}, "there is no prompt"),
    ],
)
def test_a_row_that_is_no_preference_is_said_to_be_none(converted: Convert, row: Any, why: str, tmp_path: Path) -> None:
    _, record = converted([row], tmp_path / "out.jsonl", to="dpo")
    assert why in record.bad[0].why


def test_what_has_no_place_is_counted_and_can_be_kept(converted: Convert, tmp_path: Path) -> None:
    row = {"messages": [{**ASKED, "time": 1}, ANSWERED], "id": 7, "source": "x"}
    rows, record = converted([row], tmp_path / "out.jsonl", keep=["id"])
    assert rows == [{**CHAT, "id": 7}]
    assert record.left_out == {"messages/*/time": 1, "source": 1}


def test_a_named_shape_refuses_the_others(converted: Convert, tmp_path: Path) -> None:
    _, record = converted([CHAT, {"prompt": "Where?", "completion": "Here."}], tmp_path / "out.jsonl", dialect="chat")
    assert [bad.line for bad in record.bad] == [2]


def test_the_list_of_bad_rows_is_capped_per_reason_and_their_count_is_not(converted: Convert, tmp_path: Path) -> None:
    _, record = converted([{"messages": []}] * 30 + [{"messages": [ASKED]}] * 3, tmp_path / "out.jsonl")
    assert sorted(record.bad_counts.values()) == [3, 30]
    assert record.bad_rows == 33
    assert len(record.bad) == 20 + 3


def test_rows_of_an_own_shape_are_told_by_their_keys_each_for_itself(converted: Convert, tmp_path: Path) -> None:
    rows = [{"question": "Where?", "answer": "Here.", f"note {n}": n, "prompt": None} for n in range(150)]
    written, record = converted([*rows, {"input": "Where?", "output": "Here."}], tmp_path / "out.jsonl")
    assert written == [CHAT] * 151
    assert record.left_out["(other keys)"] == 50
    assert record.mappings["-"] == [
        {"user": "question", "assistant": "answer"},
        {"user": "input", "assistant": "output"},
    ]


def test_results_out_of_the_order_of_their_calls_have_no_form_without_ids(converted: Convert, tmp_path: Path) -> None:
    row, _ = TO_CHAT["results by name"]
    _, record = converted([row], tmp_path / "out.jsonl", to="sharegpt")
    assert "not in the order of their calls" in record.bad[0].why
