"""What only several rows show: columns that change their type, and labels that training never has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.lint import workers
from service.lint.columns import column_kinds, mixed, settled
from service.lint.firsts import Firsts
from service.lint.labelled import label_hashes
from service.records.lint_report import Finding, LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
Rows = list[dict[str, Any]]


def chat(number: int, **more: Any) -> dict[str, Any]:
    turn = [{"role": "user", "content": f"Number {number}?"}, {"role": "assistant", "content": f"It is {number}."}]
    return {"messages": [{"role": "system", "content": "Be brief."}, *turn]} | more


def weighed(number: int) -> dict[str, Any]:
    row = chat(number)
    row["messages"][2]["weight"] = 1
    return row


def parts(number: int) -> dict[str, Any]:
    """A chat whose contents are all lists."""
    row = chat(number)
    for message in row["messages"]:
        message["content"] = [{"type": "text", "text": message["content"]}]
    return row


def text(label: object, number: int = 0) -> dict[str, Any]:
    return {"text1": f"Text {number}.", "label": label}


def tags(*found: object) -> dict[str, Any]:
    return {"tokens": ["word"] * len(found), "tags": list(found)}


def report(
    tmp_path: Path, train: Sequence[Rows], held_out: Sequence[Rows] = (), target: str = "trl", **options: Any
) -> LintReport:
    inputs = []
    for role, files in (("train", train), ("validation", held_out)):
        for number, rows in enumerate(files):
            path = tmp_path / f"{role}{number}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            inputs.append(LintInput(path, path.name, role))  # type: ignore[arg-type]
    return lint(LintRequest(inputs=inputs, target=target, **options), rules=RULES)


def of(rule: str, found: LintReport) -> list[tuple[str, int | None, str | None]]:
    return [(one.path, one.line, one.pointer) for one in found.findings if one.rule == rule]


def columns(tmp_path: Path, *rows: dict[str, Any]) -> list[Finding]:
    return [one for one in report(tmp_path, [list(rows)]).findings if one.rule == "F025"]


def test_a_column_that_changes_its_type_is_told_where_it_does(tmp_path: Path) -> None:
    (found,) = columns(tmp_path, chat(1, id="a"), chat(2), chat(3, id=3), chat(4, id=4), chat(5, id=None))
    assert (found.line, found.pointer, found.severity) == (3, "/id", "warning")
    assert found.message == "number in a column that is string in line 1"


def test_plain_rows_have_types_as_well(tmp_path: Path) -> None:
    (found,) = columns(tmp_path, chat(1), chat(2), parts(3), chat(4), parts(5))
    assert (found.line, found.pointer) == (3, "/messages/*/content")
    assert found.message == "array in a column that is string in line 1"
    (found,) = columns(tmp_path, parts(1), chat(2))
    assert (found.line, found.message) == (2, "string in a column that is array in line 1")


def test_rows_of_one_type_are_silent(tmp_path: Path) -> None:
    assert columns(tmp_path, chat(1), weighed(2), chat(3, id=1), chat(4, id=2.5), chat(5, id=None)) == []


def test_a_row_that_is_mixed_in_itself_is_told_once(tmp_path: Path) -> None:
    row = chat(2)
    row["messages"][1]["content"] = [{"type": "text", "text": "Hi?"}]
    assert [one.line for one in columns(tmp_path, chat(1), row, chat(3))] == [2]


def test_each_target_and_each_file_has_its_columns(tmp_path: Path) -> None:
    files = [[chat(1, id="a")], [chat(2), chat(3, id=3)]]
    found = report(tmp_path, files, [[chat(9, id=[])]])
    assert of("F025", found) == [("train1.jsonl", 2, "/id")]
    (one,) = [one for one in found.findings if one.rule == "F025"]
    assert one.message == "number in a column that is string in line 1 of train0.jsonl"
    assert of("F025", report(tmp_path, files, target="openai")) == []
    assert of("F025", report(tmp_path, files, ignore=["F025"])) == []


def test_rows_with_an_error_are_no_part_of_a_column(tmp_path: Path) -> None:
    broken = chat(1)
    broken["messages"][2]["content"] = 7
    assert [one.line for one in columns(tmp_path, chat(0), broken)] == [2]  # in itself
    for message in broken["messages"]:
        message["content"] = 7
    assert columns(tmp_path, chat(0), broken) == []


@pytest.mark.parametrize(
    ("train", "held_out", "lines"),
    [
        ([text("good"), text("bad")], [text("bad"), text("good")], []),
        ([text("good"), text("bad")], [text("bad"), text("fair"), text("fair"), text("poor")], [2, 4]),
        ([text(1), text(0)], [text("1"), text(True), text(1)], [1, 2]),
        ([tags("O", "B-PER")], [tags("O", "O"), tags("B-PER", "I-PER", "B-LOC")], [2, 2]),
        ([tags(0, 1)], [tags(-100, 0)], []),
        ([text(None)], [text("good")], []),
        ([chat(1)], [chat(2)], []),
    ],
)  # fmt: skip
def test_a_label_that_training_never_shows_is_told(
    train: Rows, held_out: Rows, lines: list[int], tmp_path: Path
) -> None:
    found = report(tmp_path, [train], [held_out], "azure-serverless")
    assert of("R058", found) == [("validation0.jsonl", line, None) for line in lines]
    assert found.counts.get("R058", 0) == len(lines)
    assert b"fair" not in msgspec.json.encode(found.findings)


def test_labels_are_those_of_all_files(tmp_path: Path) -> None:
    train = [[text("a")], [text("b")]]
    found = report(tmp_path, train, [[text("b"), text("c")], [text("c"), text("d")]], "azure-serverless")
    assert of("R058", found) == [("validation0.jsonl", 2, None), ("validation1.jsonl", 2, None)]


def test_classes_of_texts_are_counted_as_short_answers_are(tmp_path: Path) -> None:
    rows = [text("good" if number else "bad", number) for number in range(24)]
    found = report(tmp_path, [rows], target="azure-serverless")
    assert [one.message for one in found.findings if one.rule == "Q006"] == ["2 classes of 1 to 23 rows"]
    assert found.statistics is not None
    assert found.statistics.labels == [1, 23]
    # most tokens are outside of any entity by nature
    assert "Q006" not in report(tmp_path, [[tags(*["O"] * 30, "B-PER")] * 2], target="azure-serverless").counts


@pytest.mark.parametrize("most", [0, 2])
def test_any_number_of_processes_gives_the_same_report(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [chat(1), parts(2), weighed(3), chat(4, id="a"), chat(5, id=1, at="x"), text("a"), text(1), tags("O", 1)]
    train = [kinds[number * 5 % 8] | {"n": number} for number in range(60)] + [chat(61)] * 20 + [chat(62, at=1)]
    held_out = [text(number % 5) for number in range(40)] + [tags("B-A", f"I-{number}") for number in range(9)]
    want = report(tmp_path, [train], [held_out], max_findings=most)
    assert {"F025", "R058"} <= set(want.counts)
    for size in (61, 1_000):
        monkeypatch.setattr(workers, "STRETCH_BYTES", size)
        assert msgspec.json.encode(
            report(tmp_path, [train], [held_out], max_findings=most, workers=2)
        ) == msgspec.json.encode(want)


values = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 20)), max_size=20)


@given(values, st.integers(0, 20), st.integers(1, 8))
def test_first_lines_depend_on_neither_order_nor_cuts(found: list[tuple[int, int]], cut: int, most: int) -> None:
    whole, early, late = Firsts[int](most), Firsts[int](most), Firsts[int](most)
    for value, line in found:
        whole.add(value, line)
        (early if line <= cut else late).add(value, line if line <= cut else line - cut)
    early.merge(late, cut)
    assert (early.lines, early.more) == (whole.lines, whole.more)
    want = {value: min(line for one, line in found if one == value) for value, _ in found}
    assert whole.lines == ({} if len(want) > most else want)


def test_labels_are_kept_as_hashes_that_tell_types_apart() -> None:
    assert len({*label_hashes(text(1)), *label_hashes(text("1")), *label_hashes(text(True))}) == 3
    assert label_hashes(tags("O", "O", -100)) == label_hashes(tags("O"))


@given(st.dictionaries(st.sampled_from("ab"), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2),
)))  # fmt: skip
def test_a_column_is_settled_or_in_a_mixed_one(row: dict[str, Any]) -> None:
    kinds = column_kinds(row)
    known, outer = dict(settled(kinds)), mixed(kinds)
    for column, names in kinds.items():
        below = any(column[: len(one)] == one for one in outer)
        assert (known.get(column) in names) != below
