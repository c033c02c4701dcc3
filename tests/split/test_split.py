"""What a split does with groups, classes, sizes and odd files, row by row."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest

from service.errors import TuneGateError
from service.records.split import Split
from service.split.assign import sizes
from service.split.engine import copy, first_reading
from service.verbs.split import SplitRequest, split


def chat(*said: str, **beside: Any) -> dict[str, Any]:
    """A row whose messages are the user's and the assistant's in turns."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)], **beside}


def many(count: int) -> list[dict[str, Any]]:
    return [chat(f"Question {n}?", f"A long and free answer, number {n}, of no class at all.") for n in range(count)]


def made(rows: list[Any], place: Path, **options: Any) -> tuple[Split, dict[str, list[dict[str, Any]]]]:
    path = place / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = split(SplitRequest(inputs=[(path, "in.jsonl")], out=place / "parts", **options))
    return record, {
        one.stem: [json.loads(line) for line in one.read_text().splitlines()] for one in (place / "parts").iterdir()
    }


def together(parts: dict[str, list[dict[str, Any]]], rows: list[dict[str, Any]]) -> bool:
    return any(all(row in part for row in rows) for part in parts.values())


@pytest.mark.parametrize(
    "rows",
    [
        [chat("Same?", "Yes."), chat("Same?", "No.")],
        [chat("Same?", "Yes."), chat("  same? ", "No.")],
        [chat("Same?", "Yes.", id=1), chat("Same?", "Yes.", id=2)],
        [chat("Same?", "Yes."),
         {"conversations": [{"from": "human", "value": "Same?"}, {"from": "gpt", "value": "No."}]}],
        [chat("Same?", "Yes."), {"prompt": "Same?", "completion": "No."}],
        [chat("Same?", "Yes."), {"input": {"messages": [{"role": "user", "content": "Same?"}]},
         "preferred_output": [{"role": "assistant", "content": "A"}],
         "non_preferred_output": [{"role": "assistant", "content": "B"}]}],
        [chat("Open?", "Yes."), chat("Open?", "Yes.", "And then?", "Closed."),
         chat("Open?", "Yes.", "And then?", "Closed.", "Why?", "So.")],
        [{"text": "no known shape"}, {"text": "no known shape"}],
    ],
    ids=["prompt", "white space and case", "other keys", "sharegpt", "completion", "preference", "unrolled", "equal"],
)  # fmt: skip
def test_rows_that_share_something_stay_together(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    for seed in range(6):
        _, parts = made([*many(12), *rows], tmp_path, validation="0.4", seed=seed, force=True)
        assert together(parts, rows)


@pytest.mark.parametrize("by", ["user", "meta.user"])
def test_rows_of_a_named_key_stay_together(by: str, tmp_path: Path) -> None:
    rows = [
        {**row, **({"user": n % 7} if by == "user" else {"meta": {"user": n % 7}})} for n, row in enumerate(many(70))
    ]
    record, parts = made(rows, tmp_path, by=[by], validation="0.3")
    users = {name: {row.get("user", row.get("meta", {}).get("user")) for row in part} for name, part in parts.items()}
    assert users["train"] & users["validation"] == set()
    assert record.groups == 7
    assert [part.rows for part in record.parts] == [50, 20]


def test_rows_of_a_system_message_stay_together(tmp_path: Path) -> None:
    rows = many(40)
    for n, row in enumerate(rows):
        row["messages"].insert(0, {"role": "system", "content": f"Speak as person {n % 8}."})
    _, parts = made(rows, tmp_path, by=["system"], validation="0.25")
    systems = {name: {row["messages"][0]["content"] for row in part} for name, part in parts.items()}
    assert systems["train"] & systems["validation"] == set()
    assert len(systems["validation"]) == 2


def test_few_classes_are_in_every_part_in_proportion(tmp_path: Path) -> None:
    rows = [chat(f"Text {n}", "spam" if n % 10 == 0 else "fine") for n in range(200)]
    record, parts = made(rows, tmp_path, validation="0.1", test="0.2")
    assert record.stratified
    assert record.labels == [{"train": 126, "validation": 18, "test": 36}, {"train": 14, "validation": 2, "test": 4}]
    assert [len(part) for part in (parts["train"], parts["validation"], parts["test"])] == [140, 20, 40]


def test_free_answers_are_not_taken_for_classes(tmp_path: Path) -> None:
    assert not made(many(60), tmp_path)[0].stratified
    short = [chat(f"Text {n}", f"Word{n}") for n in range(60)]
    assert not made(short, tmp_path, force=True)[0].stratified


def test_lines_are_copied_byte_for_byte(tmp_path: Path) -> None:
    lines = [f'{{ "messages" : [{{"role":"user","content":"{n} \\u00e9 é"}} , {{"content":"x","role":"assistant"}}]}}'
             for n in range(20)]  # fmt: skip
    raw = b"\xef\xbb\xbf" + "\r\n".join(lines[:10]).encode() + b"\r\n\n" + "\n".join(lines[10:]).encode()
    (tmp_path / "in.jsonl").write_bytes(raw)
    record = split(SplitRequest(inputs=[(tmp_path / "in.jsonl", "in.jsonl")], out=tmp_path / "parts"))
    written = b"".join((tmp_path / "parts" / f"{name}.jsonl").read_bytes() for name in ("train", "validation"))
    assert sorted(written.splitlines(keepends=True)) == sorted(
        [line.encode() + b"\r\n" for line in lines[:10]] + [line.encode() + b"\n" for line in lines[10:]]
    )
    assert record.blank_rows == 1


def test_a_group_larger_than_the_part_is_named_and_left_to_train(tmp_path: Path) -> None:
    rows = [chat("Same?", f"Answer {n}, which is long enough to be no class at all.") for n in range(60)]
    record, parts = made([*rows, *many(40)], tmp_path, validation="0.2")
    assert together({"train": parts["train"]}, rows)
    assert record.largest_group == 60
    assert any(
        "the largest group (60 rows) is larger than what was asked for validation (20" in one for one in record.warnings
    )


def test_a_part_that_only_a_larger_group_could_fill_gets_it_with_a_warning(tmp_path: Path) -> None:
    rows = [chat(f"Same {n // 20}?", f"Answer {n}, which is long enough to be no class at all.") for n in range(60)]
    record, _ = made(rows, tmp_path, validation="0.1")
    assert [part.rows for part in record.parts] == [40, 20]
    assert any("validation has 20 rows instead of 6" in one for one in record.warnings)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([chat("Same?", f"Answer {n}") for n in range(9)], {}, "leave no such split"),
        (many(9), {"validation": "9"}, "none is left"),
        (many(9), {"validation": "0.5", "test": "50%"}, "none is left"),
        ([], {}, "no rows"),
        (many(9), {"by": ["user"]}, "in no row"),
        ([*many(9), [1], 7], {}, "2 line(s) are no rows"),
    ],
)
def test_a_split_that_cannot_be_is_refused_and_nothing_is_written(
    rows: list[Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(TuneGateError) as caught:
        made(rows, tmp_path, **options)
    assert said in caught.value.detail
    assert not (tmp_path / "parts").exists()


def test_what_a_person_should_know_is_said(tmp_path: Path) -> None:
    made(many(30), tmp_path, test="0.1")
    rows = [*({**row, "user": n} for n, row in enumerate(many(20))), {"text": "x"}, *many(30)[20:]]
    record, _ = made(rows, tmp_path, by=["user"], force=True)
    said = "\n".join(record.warnings)
    assert "11 rows have no `user`" in said
    assert "1 rows are of no known shape" in said
    assert "fewer than 10" in said
    assert "test.jsonl is of an earlier split" in said
    assert [one.what for one in record.not_considered] == ["near duplicates"]


def test_an_input_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in many(20)))
    found = first_reading([(path, "in.jsonl")], ())
    path.write_text("".join(json.dumps(row) + "\n" for row in many(21)))
    with pytest.raises(TuneGateError, match="changed while it was read"):
        copy(found, array("B", [0] * 20), [tmp_path / "parts" / "train.jsonl"])
    assert list((tmp_path / "parts").iterdir()) == []


@pytest.mark.parametrize(("text", "rows"), [("0.1", 20), (".5", 100), ("10%", 20), ("2.5%", 5), ("7", 7), ("0.001", 1)])
def test_sizes_are_shares_or_rows(text: str, rows: int) -> None:
    (asked,) = sizes({"validation": text})
    assert asked.of(200) == rows


@pytest.mark.parametrize("text", ["", "0", "0.0", "1.0", "100%", "-1", "1e3", "half", "0.1.2", "٣"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(TuneGateError, match="cannot be read"):
        sizes({"validation": text})
