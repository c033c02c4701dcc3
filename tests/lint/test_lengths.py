"""Rules about length: what the limit cuts off, what a model cannot write, and which lines need no measuring."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.lint.catalogue import all_checks
from service.lint.check import FileFacts, Row
from service.lint.fast import Limits, plain
from service.lint.gate import NO_FAMILY
from service.lint.lengths import ruler
from service.lint.sizes import last_answer_within, plain_bytes
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
SYSTEM = {"role": "system", "content": "Be brief."}


def chat(question: str, answer: str, **last: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer, **last}]
    return {"messages": [SYSTEM, *turns]}


def report(row: object, target: str = "openai", **options: Any) -> LintReport:
    raw = json.dumps(row).encode() + b"\n"
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, max_findings=0, **options)
    return lint(request, rules=RULES, stdin=io.BytesIO(raw))


def said(row: object, code: str, target: str = "openai", **options: Any) -> str | None:
    found = [one.message for one in report(row, target, **options).findings if one.rule == code]
    return found[0] if found else None


def test_the_limit_cuts_the_end_of_the_last_answer_or_all_of_it() -> None:
    assert "of its" in str(said(chat("abc " * 40_000, "abc " * 40_000), "L011"))
    assert "all of it" in str(said(chat("abc " * 70_000, "Yes."), "L011"))
    assert said(chat("abc " * 30_000, "abc " * 30_000), "L011") is None
    assert "L011" in report({"prompt": "abc " * 70_000, "completion": "Yes."}).counts


def test_only_answers_that_are_trained_can_be_cut() -> None:
    first = chat("Hi?", "Hello.")["messages"]
    tail = [{"role": "user", "content": "abc " * 70_000}, {"role": "assistant", "content": "Yes.", "weight": 0}]
    assert last_answer_within(Row({"messages": [*first, *tail]})) == ("/messages/2", 12, 6)
    assert said({"messages": [*first, *tail]}, "L011") is None


@pytest.mark.parametrize(
    ("tokens", "model", "fires"),
    [(33_000, None, True), (20_000, None, False), (20_000, "gpt-4o-2024-08-06", True), (20_000, "gpt-4.1-mini", False)],
)
def test_an_answer_may_be_as_long_as_the_model_can_write(tokens: int, model: str | None, *, fires: bool) -> None:
    assert (said(chat("Hi?", "abc " * tokens), "L013", "azure-openai", model=model) is not None) == fires


def test_a_row_is_lopsided_by_size_and_ratio() -> None:
    assert "20009 characters of prompt" in str(said(chat("abc " * 5000, "Yes."), "L016"))
    assert said(chat("abc " * 3000, "Yes."), "L016") is None
    assert said(chat("abc " * 5000, "abc " * 100), "L016") is None


@pytest.mark.parametrize(
    ("name", "fires"),
    [
        ("anna.berg@example.com.jsonl", True),
        ("calls_+47 22 33 44 55.jsonl", True),
        ("4111 1111 1111 1111.jsonl", True),
        ("train-2026-11-21T10-15-00.jsonl", False),
        ("run_20261121101500_v2.jsonl", False),
        ("anna@example.com/train.jsonl", False),
        ("-", False),
    ],
)
def test_a_file_name_is_shown_everywhere_and_so_holds_nobody(name: str, *, fires: bool) -> None:
    facts = FileFacts(name=name, bytes=1, rows=1, bom=None, encoding="utf-8", limits={}, bom_policy="any")
    (check,) = [one for one in all_checks() if one.code == "F030"]
    hits = list(check.find(facts))
    assert bool(hits) == fires
    assert all("anna" not in hit.message and "4111" not in hit.message for hit in hits)


def test_one_file_may_fill_a_resource() -> None:
    (check,) = [one for one in all_checks() if one.code == "L006"]
    for size, fires in ((1 << 30, False), ((1 << 30) + 1, True)):
        facts = FileFacts(
            name="a.jsonl", bytes=size, rows=1, bom=None, encoding="utf-8", bom_policy="any",
            limits={"max_resource_bytes": 1 << 30},
        )  # fmt: skip
        assert bool(list(check.find(facts))) == fires


texts = st.text(st.sampled_from("ab \u00e9\U0001f600"), min_size=1, max_size=40).filter(str.strip)
rows = st.lists(st.tuples(texts, texts), min_size=1, max_size=12).map(
    lambda pairs: {
        "messages": [
            {"role": who, "content": text}
            for pair in pairs
            for who, text in zip(("user", "assistant"), pair, strict=True)
        ]
    }
)


LIMITS = ("max_tokens_per_example", "max_output_tokens", "max_chars_message", "max_messages")
limits_given = st.fixed_dictionaries({}, optional=dict.fromkeys(LIMITS, st.integers(1, 2000)))


@given(rows, limits_given)
def test_a_line_within_the_plain_length_breaks_no_limit(row: dict[str, Any], limits: dict[str, int]) -> None:
    raw = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    taken = Limits(True, plain_bytes(limits, counted=False), limits.get("max_chars_message", 0))
    if most := limits.get("max_messages"):
        taken = taken._replace(most_messages=most)
    if plain(raw, NO_FAMILY, taken) is None:
        return
    asked = Row(row, limits=limits, tokens=ruler(None)(row["messages"], [])[0])
    checks = [one for one in all_checks() if one.scope == "row" and one.code[0] in "LR" and "sft" in one.methods]
    assert [check.code for check in checks for _ in check.find(asked)] == []
