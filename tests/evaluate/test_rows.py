"""Evaluation sets: what is read of a row, and every error at once, by line and without a word of the row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Write, chat

from service.errors import TuneGateError
from service.evaluate.answers import ExpectedCall
from service.evaluate.rows import RowFile, RowSet, read_rows

MARKER = "quokka"


def read(*names: str, regression: str | None = None, nodes: dict[str, str] | None = None) -> RowSet:
    files = [RowFile(Path(name), name) for name in names]
    files += [RowFile(Path(regression), regression, "regression")] if regression else []
    return read_rows(files, nodes=nodes)


def test_the_last_answer_is_what_is_expected(write: Write) -> None:
    long = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1", "weight": 0},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "2"}]},
    ]
    write("a.jsonl", [{"messages": long}, chat("open?")])
    first, second = read("a.jsonl").rows
    assert [one["role"] for one in first.messages] == ["system", "user", "assistant", "user"]
    assert first.expected == "2"
    assert "weight" not in json.dumps(first.messages)
    assert second.expected is None
    assert read("a.jsonl").data[0]["without_expected"] == 1


def test_calls_and_checks_are_read(write: Write) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"floor": 2}'}}
    tools = [{"type": "function", "function": {"name": "find"}}]
    row = {
        "messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "tool_calls": [call]}],
        "tools": tools,
    }
    checks = {"pattern": "a+", "json_schema": {"type": "object"}, "refuse": True, "choices": ["x", "y"], "right": 1}
    write("a.jsonl", [row, chat("b?", "aa", evaluation=checks), chat("c?", evaluation={"expected": "see"})])
    first, second, third = read("a.jsonl").rows
    assert first.expected_calls == [ExpectedCall("find", {"floor": 2})]
    assert (first.expected, first.tools) == (None, tools)
    assert (second.pattern, second.json_schema, second.refuse) == ("a+", {"type": "object"}, True)
    assert (second.choices, second.right) == (["x", "y"], 1)
    assert third.expected == "see"


def test_a_question_keeps_its_checks(write: Write) -> None:
    checks = {"pattern": "[AB]", "json_schema": {"type": "string"}, "refuse": False, "expected": "B"}
    question = {"question": "Which?", "choices": ["x", "y"], "answer": 1}
    write("a.jsonl", [question | {"evaluation": checks}])
    row = read("a.jsonl").rows[0]
    assert (row.pattern, row.json_schema, row.refuse, row.expected) == ("[AB]", {"type": "string"}, False, "B")
    assert (row.choices, row.right) == (["x", "y"], 1)
    write("b.jsonl", [question | {"evaluation": {"choices": ["v", "w"], "right": 0}}])
    with pytest.raises(TuneGateError) as refused:
        read("b.jsonl")
    assert [(one.where, one.seen) for one in refused.value.errors] == [
        ("b.jsonl:1: evaluation", "choices beside those of the question")
    ]


def test_lines_are_one_rows_alone_over_all_files(write: Write) -> None:
    write("a.jsonl", json.dumps(chat("a?", "a")) + "\n\n" + json.dumps(chat("b?", "b")) + "\n")
    Path("b.jsonl.gz").write_bytes(gzip.compress((json.dumps(chat("c?", "c")) + "\n").encode()))
    found = read("a.jsonl", regression="b.jsonl.gz")
    assert [(row.line, row.path, row.line_in_file) for row in found.rows] == [
        (1, "a.jsonl", 1), (3, "a.jsonl", 3), (4, "b.jsonl.gz", 1),
    ]  # fmt: skip
    assert found.regression_lines == {4}
    assert [(one["role"], one["rows"], one["lines_before"]) for one in found.data] == [
        ("evaluation", 2, 0), ("regression", 1, 3),
    ]  # fmt: skip


def test_what_a_flows_nodes_should_give_is_found_by_path(write: Write) -> None:
    write("a.jsonl", [chat("a?", "a", evaluation={"nodes": {"intent": "ask"}}, topic="books"), chat("b?", "b")])
    rows = read("a.jsonl", nodes={"sort": "evaluation.nodes.intent", "name": "topic"}).rows
    assert [row.expected_nodes for row in rows] == [{"sort": "ask", "name": "books"}, {}]


FORMS = [
    ({"question": "Q?", "choices": ["p", "q", "r"], "answer": 1, "subject": "s"}, ["p", "q", "r"], 1),
    ({"question": "Q?", "choices": ["p", "q"], "answer": "B"}, ["p", "q"], 1),
    ({"question": "Q?", "choices": ["p", "q"], "answer": "q"}, ["p", "q"], 1),
    ({"question": "Q?", "options": ["p", "q", "r"], "answer": "C", "answer_index": 2}, ["p", "q", "r"], 2),
    ({"question": "Q?", "choices": {"text": ["p", "q"], "label": ["A", "B"]}, "answerKey": "A"}, ["p", "q"], 0),
    ({"question": "Q?", "choices": {"text": ["p", "q"], "label": ["1", "2"]}, "answerKey": "2"}, ["p", "q"], 1),
    ({"question_stem": "Q?", "choices": {"text": ["p", "q"], "label": ["A", "B"]}, "answerKey": "B"}, ["p", "q"], 1),
    (
        {
            "question": {"stem": "Q?", "choices": [{"text": "p", "label": "A"}, {"text": "q", "label": "B"}]},
            "answerKey": "B",
        },
        ["p", "q"],
        1,
    ),
    ({"question": "Q?", "choices": ["p", "q"]}, ["p", "q"], None),
]


@pytest.mark.parametrize(("row", "choices", "right"), FORMS)
def test_public_forms_of_multiple_choice_are_read(
    write: Write, row: dict[str, Any], choices: list[str], right: int | None
) -> None:
    write("a.jsonl", [row])
    (found,) = read("a.jsonl").rows
    assert (found.choices, found.right) == (choices, right)
    assert found.messages[0]["content"].startswith("Q?\n\nA. p\nB. q")


def test_every_error_is_told_by_line_and_without_the_rows_words(write: Write) -> None:
    bad_call = {"role": "assistant", "tool_calls": [{"function": {"name": MARKER, "arguments": "no json"}}]}
    lines = [
        json.dumps(chat("fine?", "fine")),
        f'{{"messages": "{MARKER}',
        f'["{MARKER}"]',
        json.dumps({"text": MARKER}),
        json.dumps({"messages": [{"role": MARKER, "content": "x"}]}),
        json.dumps({"messages": [{"role": "assistant", "content": MARKER}]}),
        json.dumps({"messages": [{"role": "user", "content": "x"}, bad_call]}),
        json.dumps(chat("x", "x", evaluation={"patern": MARKER})),
        json.dumps(chat("x", "x", evaluation={"pattern": f"({MARKER}"})),
        json.dumps(chat("x", "x", evaluation={"json_schema": {"type": MARKER}})),
        json.dumps(chat("x", "x", evaluation={"choices": [MARKER, "b"]})),
        json.dumps({"question": MARKER, "choices": [MARKER, "b"], "answer": 2}),
        json.dumps({"question": MARKER, "choices": {"text": [MARKER], "label": ["A"]}, "answerKey": "A"}),
        json.dumps({"question": MARKER, "choices": ["a", "b"], "answer": MARKER}),
    ]
    write("a.jsonl", "\n".join(lines) + "\n")
    with pytest.raises(TuneGateError) as raised:
        read("a.jsonl")
    told = raised.value
    assert told.code == "invalid_input"
    assert [one.where.split(":")[1] for one in told.errors] == [str(n) for n in range(2, 15)]
    assert "pattern" in str(told.errors[6].remedy)
    assert MARKER not in f"{told} {told.errors}"


def test_files_without_rows_and_in_other_encodings_are_refused(write: Write) -> None:
    write("empty.jsonl", "\n\n")
    Path("wide.jsonl").write_bytes(json.dumps(chat("a?", "a")).encode("utf-16"))
    with pytest.raises(TuneGateError) as raised:
        read("empty.jsonl", "wide.jsonl")
    assert [one.where for one in raised.value.errors] == ["empty.jsonl", "wide.jsonl"]
    with pytest.raises(TuneGateError) as raised:
        read("missing.jsonl")
    assert raised.value.code == "unreadable_path"
