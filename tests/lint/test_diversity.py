"""Answers that resemble each other: told of templates, not of prose, and of no script whose words cannot be told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.lint import diversity, workers
from service.lint.diversity import FILE, AnswerSample, DiversityLimits
from service.lint.rule_file import rule_file
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
STARTS, MIDDLES, ENDS = "bdfgklmnprst", ("a", "e", "io", "u"), "lmnrstx"
WORDS = [f"{start}{middle}{end}" for start in STARTS for middle in MIDDLES for end in ENDS]
KANJI = "\u6771\u4eac\u90fd\u306e\u56f3\u66f8\u9928\u306f\u4e5d\u6642\u306b\u958b\u304d\u307e\u3059"
THAI = (
    "\u0e2b\u0e49\u0e2d\u0e07\u0e2a\u0e21\u0e38\u0e14\u0e40\u0e1b\u0e34\u0e14\u0e40\u0e01\u0e49\u0e32\u0e42\u0e21\u0e07"
)
TEMPLATE = "Dear customer {}, thank you for your order, which we will send to you on the next working day."


def varied(number: int, words: int = 30) -> str:
    return " ".join(random.Random(number).choices(WORDS, k=words))


def chat(number: int, answer: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"Question {number}?"}, {"role": "assistant", "content": answer}]
    return {"messages": turns} | more


def report(tmp_path: Path, rows: list[Any], rules: Any = RULES, **options: Any) -> LintReport:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    request = LintRequest(inputs=[LintInput(path, path.name)], target="local", tokens="off", **options)
    return lint(request, rules=rules)


def told(found: LintReport) -> list[str]:
    return [one.message for one in found.findings if one.rule == "Q031"]


def test_one_template_is_told_with_its_figures_and_its_sample(tmp_path: Path) -> None:
    found = report(tmp_path, [chat(number, TEMPLATE.format(f"name{number}")) for number in range(150)])
    (message,) = told(found)
    distinct, ratio = found.facts["data.distinct_2"], found.facts["data.compression_ratio"]
    assert isinstance(distinct, float)
    assert isinstance(ratio, float)
    # two pairs of each answer are its own, sixteen are those of all
    assert distinct == round((2 * 150 + 16) / (18 * 150), 4)
    assert ratio > 6
    assert message == (
        f"answers resemble each other, by 150 sampled ones: distinct-2 is {distinct:.2f}, below 0.25 and they pack to "
        f"1/{ratio:.1f}, beyond 1/6"
    )
    assert {one.severity for one in found.findings if one.rule == "Q031"} == {"info"}


def test_prose_is_measured_and_silent(tmp_path: Path) -> None:
    found = report(tmp_path, [chat(number, varied(number)) for number in range(150)])
    assert told(found) == []
    assert found.facts["data.distinct_2"] > 0.9  # type: ignore[operator]
    assert found.facts["data.compression_ratio"] < 3  # type: ignore[operator]


@pytest.mark.parametrize(
    "answers",
    [
        [TEMPLATE.format(number) for number in range(99)],
        # classes and short replies
        [f"Yes, number {number} it is." for number in range(300)],
        [f"{KANJI} {number}" for number in range(300)],
        [f"{THAI} {number} " * 8 for number in range(300)],
        # half of it cannot be told
        [TEMPLATE.format(number) if number % 2 else KANJI * 3 for number in range(300)],
        [],
    ],
)
def test_where_words_are_too_few_or_cannot_be_told_nothing_is_said(tmp_path: Path, answers: list[str]) -> None:
    found = report(tmp_path, [chat(number, answer) for number, answer in enumerate(answers)])
    assert told(found) == []
    assert {"data.distinct_2", "data.compression_ratio"}.isdisjoint(found.facts)


def test_some_answers_in_another_script_are_left_out(tmp_path: Path) -> None:
    answers = [KANJI * 3 if number % 10 == 0 else TEMPLATE.format(number) for number in range(200)]
    (message,) = told(report(tmp_path, [chat(number, answer) for number, answer in enumerate(answers)]))
    assert "by 180 sampled ones" in message


@pytest.mark.parametrize("how", ["chat", "tier two", "completion", "preference"])
def test_answers_of_every_shape_are_measured(tmp_path: Path, how: str) -> None:
    def row(number: int) -> dict[str, Any]:
        answer = TEMPLATE.format(f"name{number}")
        if how == "completion":
            return {"prompt": f"Question {number}?", "completion": f" {answer}"}
        if how == "preference":
            turns = [[{"role": "assistant", "content": text}] for text in (answer, varied(number))]
            asked = {"messages": [{"role": "user", "content": f"Question {number}?"}]}
            return {"input": asked, "preferred_output": turns[0], "non_preferred_output": turns[1]}
        return chat(number, answer, **({"id": number} if how == "tier two" else {}))

    method = "dpo" if how == "preference" else "sft"
    found = report(tmp_path, [row(number) for number in range(120)], method=method)
    assert found.facts["data.distinct_2"] == round((2 * 120 + 16) / (18 * 120), 4)


def test_equal_rows_count_once_and_a_large_corpus_is_sampled(tmp_path: Path) -> None:
    rows = [chat(number, TEMPLATE.format(f"name{number}")) for number in range(700)]
    found = report(tmp_path, rows + rows[:300])
    assert "by 250 sampled ones" in told(found)[0]
    assert found.facts["data.distinct_2"] == report(tmp_path, rows[::-1]).facts["data.distinct_2"]


def test_any_number_of_processes_gives_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "SAMPLE", 120)
    rows = [
        chat(number, TEMPLATE.format(varied(number, 2)), **({"id": 1} if number % 3 else {})) for number in range(400)
    ]
    want = report(tmp_path, rows)
    assert "by 120 sampled ones" in told(want)[0]
    for size in (61, 2_000, 30_000):
        monkeypatch.setattr(workers, "STRETCH_BYTES", size)
        assert report(tmp_path, rows, workers=2) == want


def test_no_text_of_the_sample_is_in_the_report(tmp_path: Path) -> None:
    found = report(tmp_path, [chat(number, TEMPLATE.format(f"name{number}")) for number in range(150)])
    assert b"customer" not in msgspec.json.encode(found)


def test_the_thresholds_are_data_with_their_source(tmp_path: Path) -> None:
    limits = rule_file(FILE, DiversityLimits, RULES)
    for one in (limits.distinct_2, limits.compression_ratio):
        assert one is not None
        assert one.source
        assert one.read_on
    rows = [chat(number, varied(number)) for number in range(150)]
    own = RULES.overlaid({FILE: b'[distinct_2]\nvalue = 0.999\nsource = "ours"\nread_on = "2026-11-21"\n'})
    assert ["below 0.999" in message for message in told(report(tmp_path, rows, own))] == [True]
    with pytest.raises(TuneGateError, match=FILE):
        report(tmp_path, rows, RULES.overlaid({FILE: b"[distinct_2]\nvalue = 0.2\n"}))


ranks = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60)


@given(ranks, st.integers(1, 8), st.integers(0, 60))
def test_the_sample_depends_on_neither_order_nor_cuts(found: list[tuple[int, int]], most: int, cut: int) -> None:
    whole, early, late = (AnswerSample(most) for _ in range(3))
    for rank in found:
        whole.add(rank, f"{rank}")
    for rank in found[:cut]:
        early.add(rank, f"{rank}")
    late.chats(
        [rank[0] for rank in found[cut:]], [rank[1] for rank in found[cut:]], [["", f"{one}"] for one in found[cut:]]
    )
    late.merge(early)
    assert late.texts() == whole.texts() == [f"{rank}" for rank in sorted(set(found))[:most]]
