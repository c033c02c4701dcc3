"""Checks that need more than a line to fire: limits of counts and sizes, models, and what a whole set says."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from service.data import rule_files
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
SYSTEM = {"role": "system", "content": "Be brief."}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def chat(question: object = "Hi?", answer: str = "Hello.", *, system: object = SYSTEM, **top: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": [system, *messages] if system else messages, **top}


def report(rows: Iterable[object], target: str = "azure-openai", **options: Any) -> LintReport:
    raw = "\n".join(json.dumps(row) for row in rows).encode() + b"\n"
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, max_findings=0, **options)
    return lint(request, rules=RULES, stdin=io.BytesIO(raw))


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}}}


def turns(count: int) -> dict[str, Any]:
    pair = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]
    return {"messages": [SYSTEM, *(pair * count)]}


@pytest.mark.parametrize(
    ("code", "over", "at"),
    [
        ("R019", turns(1024), turns(1023)),
        ("T003", chat(tools=[tool(f"t{i}") for i in range(129)]), chat(tools=[tool(f"t{i}") for i in range(128)])),
        ("M004", chat([IMAGE] * 65), chat([IMAGE] * 64)),
        ("L012", chat("a " * 524_289), chat("a " * 524_288)),
        ("L010", chat("abc " * 65_600), chat("abc " * 65_400)),
        ("F018", chat("ab " * 5_600_000), chat("ab " * 5_500_000)),
        ("Q032", turns(51), turns(50)),
        ("M006",
         chat([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO" + "A" * 14_000_000}}]),
         chat([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO" + "A" * 13_000_000}}])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_limit_is_passed_by_one_and_not_at_it(code: str, over: object, at: object) -> None:
    assert code in report([over]).counts
    assert code not in report([at]).counts


@pytest.mark.parametrize(
    ("code", "row", "model", "other"),
    [
        ("L010", chat("abc " * 40_000), "gpt-4.1-nano-2025-04-14", "gpt-4.1"),
        ("M011", chat([IMAGE]), "gpt-4.1-nano", "gpt-4.1"),
        ("M011", chat([IMAGE]), "phi-4", "phi-4-multimodal-instruct"),
    ],
)
def test_a_named_model_has_limits_of_its_own(code: str, row: object, model: str, other: str) -> None:
    assert code in report([row], model=model).counts
    assert code not in report([row], model=other).counts
    assert code not in report([row]).counts


def test_mistral_wants_call_ids_of_nine_characters() -> None:
    def calling(identifier: str) -> dict[str, Any]:
        call = {"id": identifier, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [
            SYSTEM, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": identifier, "content": "1"}, {"role": "assistant", "content": "Hello."},
        ]  # fmt: skip
        return {"messages": messages, "tools": [tool("f")]}

    assert "T018" in report([calling("c1")], "trl", model="mistral-7b-v0.3").counts
    assert "T018" not in report([calling("abcdef123")], "trl", model="mistral-7b-v0.3").counts
    assert "T018" not in report([calling("c1")], "trl", model="phi-4").counts


def test_one_answer_everywhere_is_an_error_and_one_in_many_rows_a_warning() -> None:
    same = report(chat(f"Question number {i}?") for i in range(12))
    common = "Hello to all of you out there, we are open now."
    often = report(
        chat(f"Question number {i}?", common if i % 2 else f"It is row {i}, and it has its own text.")
        for i in range(12)
    )
    severity = {one.rule: one.severity for one in (*same.findings,)}
    assert severity["Q004"] == "error"
    assert same.summary.errors == sum(one.severity == "error" for one in same.findings)
    assert next(one.severity for one in often.findings if one.rule == "Q004") == "warning"
    assert often.verdict == "pass"


def test_weights_are_an_error_for_kaito_only_where_they_leave_something_out() -> None:
    def weighted(*weights: int) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [SYSTEM]
        for weight in weights:
            answer = {"role": "assistant", "content": "Hello.", "weight": weight}
            messages += [{"role": "user", "content": "Hi?"}, answer]
        return {"messages": messages}

    assert report([weighted(0, 1)], "kaito").verdict == "fail"
    assert [one.severity for one in report([weighted(1)], "kaito").findings if one.rule == "R033"] == ["info"]
    assert "R033" not in report([weighted(0, 1)], "local").counts
    assert "R034" in report([weighted(1, 0)], "azure-openai").counts


def preference(preferred: str, other: str, question: str = "Hi?") -> dict[str, Any]:
    return {
        "input": {"messages": [SYSTEM, {"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": preferred}],
        "non_preferred_output": [{"role": "assistant", "content": other}],
    }


def test_preference_data_is_linted_inside_its_input_too() -> None:
    broken = preference("Hello.", "Go away.")
    broken["input"]["messages"][1]["role"] = "User"
    found = report([broken], method="dpo").findings
    assert ("R006", "/input/messages/1/role") in [(one.rule, one.pointer) for one in found]
    assert "F024" in report([broken]).counts
    assert "F024" in report([chat()], method="dpo").counts


def test_a_length_bias_needs_rows_and_a_ratio() -> None:
    biased = [
        preference("A much longer answer than the other one, with a reason. " * 3, "No.", f"Q{i}?") for i in range(12)
    ]
    assert "D007" in report(biased, method="dpo").counts
    assert "D007" not in report(biased[:5], method="dpo").counts


def test_reinforcement_rows_may_carry_fields_and_end_with_the_user() -> None:
    rows = [{"messages": [SYSTEM, {"role": "user", "content": f"Q{i}?"}], "reference": f"A{i}"} for i in range(12)]
    found = report(rows, method="rft").counts
    assert set(found) <= {"F003", "G002", "L002", "L020", "L090", "X004"}
    assert {"F022", "R012", "R010"} & set(report(rows).counts) == {"F022", "R010"}


def test_splits_that_differ_are_told(tmp_path: Any) -> None:
    for name, rows in (
        ("train", [chat(f"Q{i}?") for i in range(12)]),
        ("validation", [chat("word " * 200, system=None)]),
    ):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    inputs = [LintInput(tmp_path / "train.jsonl", "t"), LintInput(tmp_path / "validation.jsonl", "v", "validation")]
    found = lint(LintRequest(inputs=inputs, target="local"), rules=RULES)
    assert "length, system messages" in next(one.message for one in found.findings if one.rule == "X006")
