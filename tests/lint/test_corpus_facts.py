"""What a whole corpus says, through the verb: common ends, heavy system messages, tools, lengths and label types."""

from __future__ import annotations

import io
import json
from typing import Any

from service.data import rule_files
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()


def counts(rows: list[dict[str, Any]], target: str = "azure-openai") -> dict[str, int]:
    raw = "\n".join(map(json.dumps, rows)).encode() + b"\n"
    request = LintRequest(inputs=[LintInput(None, "-")], target=target)
    return lint(request, rules=RULES, stdin=io.BytesIO(raw)).counts


def chat(n: int, answer: str = "", system: str = "Be brief.", **top: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"Q{n}?"}, {"role": "assistant", "content": answer or f"{n} is the answer."}]
    return {"messages": [{"role": "system", "content": system}, *turns], **top}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}}}


def test_a_common_start_is_told_unless_one_answer_differs() -> None:
    alike = [chat(n, f"The answer is: {n} of them. {'x' * n}.") for n in range(12)]
    assert counts(alike)["Q005"] == 1
    assert "Q005" not in counts([*alike, chat(12, "Other.")])


def test_a_system_message_may_not_outweigh_its_row() -> None:
    assert counts([chat(n, system="word " * 100) for n in range(3)])["Q012"] == 1
    assert "Q012" not in counts([chat(n, system="word " * 70) for n in range(3)])


def test_the_same_system_message_comes_with_the_same_tools() -> None:
    assert "T026" not in counts([chat(n, tools=[tool("a")]) for n in range(3)])
    assert counts([chat(1, tools=[tool("a")]), chat(2, tools=[tool("b")])])["T026"] == 1
    assert counts([chat(1, tools=[tool("a")]), chat(2)])["T026"] == 1
    assert "T026" not in counts([chat(1, tools=[tool("a")]), chat(2, system="Be kind.")])


def test_a_row_far_longer_than_the_others_is_told() -> None:
    rows = [chat(n) for n in range(30)]
    assert "L014" not in counts(rows)
    assert counts([*rows, chat(31, "word and word. " * 400)])["L014"] == 1


def test_labels_of_two_types_are_told() -> None:
    rows = [{"text1": "Cold.", "label": "1"}, {"text1": "Warm.", "label": 1}]
    assert counts(rows, "azure-serverless")["R057"] == 1
    assert "R057" not in counts(rows[:1], "azure-serverless")
