"""Conversations and persons that stand in training and in validation: told once a group, and left out on request."""

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
from service.errors import TuneGateError
from service.lint import row_groups, workers
from service.lint.row_groups import FILE, LowestFirsts, group_keys, groups_of
from service.records.lint_report import LintReport
from service.verbs.fix import FixRequest, fix
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
KEYS = group_keys(RULES)
Rows = list[dict[str, Any]]


def chat(number: int, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"Number {number}?"}, {"role": "assistant", "content": f"It is {number}."}]
    return {"messages": turns} | more


def request(tmp_path: Path, train: Sequence[Rows], held_out: Sequence[Rows], **options: Any) -> LintRequest:
    inputs = []
    for role, files in (("train", train), ("validation", held_out)):
        for number, rows in enumerate(files):
            path = tmp_path / f"{role}{number}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            inputs.append(LintInput(path, path.name, "train" if role == "train" else "validation"))
    return LintRequest(inputs=inputs, target=options.pop("target", "local"), tokens="off", **options)


def told(report: LintReport) -> list[tuple[str, int | None, str]]:
    return [(one.path, one.line, one.message) for one in report.findings if one.rule == "X007"]


def found(tmp_path: Path, train: Rows, held_out: Rows, **options: Any) -> list[tuple[str, int | None, str]]:
    return told(lint(request(tmp_path, [train], [held_out], **options), rules=RULES))


def test_a_group_in_both_is_told_once_with_both_places(tmp_path: Path) -> None:
    train = [[chat(1, thread_id="a"), chat(2, thread_id="b")], [chat(3, thread_id="c"), chat(4, thread_id="c")]]
    held_out = [
        [chat(5), chat(6, thread_id="c"), chat(7, thread_id="c"), chat(8, thread_id="b"), chat(9, thread_id="d")]
    ]
    report = lint(request(tmp_path, train, held_out), rules=RULES)
    assert told(report) == [
        ("validation0.jsonl", 2, "the same `thread_id` as in the training data, line 1 of train1.jsonl"),
        ("validation0.jsonl", 4, "the same `thread_id` as in the training data, line 2 of train0.jsonl"),
    ]
    assert report.counts["X007"] == 2
    assert {one.severity for one in report.findings if one.rule == "X007"} == {"warning"}


@pytest.mark.parametrize(
    ("train", "held_out", "count"),
    [
        ([{"user": "u1"}, {"user": "u2"}], {"user": "u1"}, 1),
        ([{"user": 1}, {"user": 2}], {"user": "1"}, 1),
        ([{"metadata": {"session_id": "s"}}, {"session_id": "t"}], {"metadata": {"session_id": "s"}}, 1),
        ([{"metadata": {"user": "u"}}, {"user": "v"}], {"user": "u"}, 1),
        ([{"user": "a", "chat_id": 1}, {"user": "b", "chat_id": 2}], {"user": "a", "chat_id": 2}, 2),
        # what says nothing
        ([{"user": "u1"}, {"user": "u2"}], {"user": "u3"}, 0),
        ([{"user": "u1"}, {"user": "u2"}], {"user_id": "u1"}, 0),
        ([{"user": "all"}, {"user": "all"}], {"user": "all"}, 0),
        ([{"user": " "}, {"user": "x"}], {"user": " "}, 0),
        ([{"user": None}, {"user": True}, {"user": ["a"]}, {"user": 1.5}], {"user": True}, 0),
        ([{"note": "a"}, {"note": "b"}], {"note": "a"}, 0),
        ([{"metadata": "user"}, {"metadata": {"a": {"user": 1}}}], {"metadata": "user"}, 0),
    ],
)  # fmt: skip
def test_what_is_a_group(tmp_path: Path, train: Rows, held_out: dict[str, Any], count: int) -> None:
    rows = [chat(number, **one) for number, one in enumerate(train)]
    assert len(found(tmp_path, rows, [chat(99, **held_out)])) == count


def test_no_value_is_repeated_anywhere(tmp_path: Path) -> None:
    rows = [chat(1, user="secret-person"), chat(2, user="other")]
    report = lint(request(tmp_path, [rows], [[chat(3, user="secret-person")]]), rules=RULES)
    assert report.counts["X007"] == 1
    assert b"secret-person" not in msgspec.json.encode(report)


def test_every_key_of_the_rule_file_is_read() -> None:
    assert len(set(KEYS.keys)) == len(KEYS.keys) > 10
    for key in KEYS.keys:
        places: Rows = [{key: "x"}, *({name: {key: "x"}} for name in KEYS.within)]
        assert [[name for name, _ in groups_of(one, KEYS)] for one in places] == [[key]] * len(places)


def test_the_rule_file_can_be_replaced_and_is_read_strictly(tmp_path: Path) -> None:
    own = RULES.overlaid({FILE: b'keys = ["desk"]'})
    asked = request(tmp_path, [[chat(1, desk="a", user="u"), chat(2, desk="b")]], [[chat(3, desk="a", user="u")]])
    assert ["`desk`" in message for *_, message in told(lint(asked, rules=own))] == [True]
    with pytest.raises(TuneGateError, match=FILE):
        group_keys(RULES.overlaid({FILE: b'keys = "desk"'}))


@pytest.mark.parametrize("most", [0, 2])
@pytest.mark.parametrize("values", [row_groups.MOST_VALUES, 20])
def test_any_number_of_processes_gives_the_same_report(
    most: int, values: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "MOST_VALUES", values)
    train = [chat(number, user_id=number % 150, thread_id=f"t{number // 2}") for number in range(200)]
    held_out = [chat(number, user_id=number, thread_id=f"t{number}") for number in range(900, 920)] + train[::9]
    asked = request(tmp_path, [train], [held_out], max_findings=most)
    want = lint(asked, rules=RULES)
    # 23 users and as many threads, of which a sample has some
    assert want.counts["X007"] == 46 if values > 20 else 2 < want.counts["X007"] < 46
    for size in (61, 2_000):
        monkeypatch.setattr(workers, "STRETCH_BYTES", size)
        assert lint(msgspec.structs.replace(asked, workers=2), rules=RULES) == want


def test_of_many_values_a_sample_is_compared_and_the_message_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "MOST_VALUES", 50)
    train = [chat(number, thread_id=number) for number in range(300)]
    messages = found(tmp_path, train, [chat(1_000 + number, thread_id=number) for number in range(300)], max_findings=0)
    assert len(messages) == 50
    assert all(message.endswith("; told from 50 of its values") for *_, message in messages)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=60), st.integers(1, 8), st.integers(0, 20))
def test_the_lowest_values_depend_on_neither_order_nor_cuts(values: list[tuple[int, int]], most: int, cut: int) -> None:
    whole, early, late = (LowestFirsts(most) for _ in range(3))
    for value, line in values:
        whole.add(value, line)
        (early if line < cut else late).add(value, line if line < cut else line - cut)
    early.merge(late, cut)
    assert early.lowest() == whole.lowest()
    kept = sorted({value for value, _ in values})[:most]
    assert whole.lowest().lines == {one: min(line for value, line in values if value == one) for one in kept}
    assert whole.lowest().complete == (len({value for value, _ in values}) <= most)


def fixed(tmp_path: Path, train: Rows, held_out: Rows, *, unsafe: bool = True, **options: Any) -> tuple[Rows, Any]:
    asked = request(tmp_path, [train], [held_out], **options)
    out = tmp_path / "out"
    record = fix(FixRequest(lint=asked, out=out, unsafe=unsafe), rules=RULES)
    return [json.loads(line) for line in (out / "validation0.jsonl").read_text().splitlines()], record


def test_the_fix_leaves_the_group_out_of_the_validation_data(tmp_path: Path) -> None:
    train = [chat(1, user="a"), chat(2, user="b"), chat(3, user="c")]
    held_out = [chat(4, user="b"), chat(5, user="d"), chat(6), chat(7, user="b")]
    kept, record = fixed(tmp_path, train, held_out, select=["X007"])
    assert kept == [held_out[1], held_out[2]]
    assert record.changed == {"X007": 2}
    assert "X007" not in record.report.counts
    log = (tmp_path / "out" / "validation0.jsonl.changes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in log] == [
        {"rule": "X007", "line": line, "pointer": None, "did": "left the row out of the validation data"}
        for line in (1, 4)
    ]


def test_the_fix_reads_keys_that_another_fix_drops(tmp_path: Path) -> None:
    kept, record = fixed(tmp_path, [chat(1, user="a"), chat(2, user="b")], [chat(3, user="a"), chat(4, user="c")])
    assert kept == [chat(4)]
    assert {"F022", "X007"} <= record.changed.keys()


def test_a_training_row_that_is_left_out_holds_no_group(tmp_path: Path) -> None:
    train = [chat(1, user="a"), {"messages": [], "user": "b"}, chat(2, user="c")]
    kept, _ = fixed(tmp_path, train, [chat(3, user="b"), chat(4, user="a")])
    assert kept == [chat(3)]


def test_the_fix_is_not_made_unasked(tmp_path: Path) -> None:
    rows = [chat(3, user="a")]
    kept, record = fixed(tmp_path, [chat(1, user="a"), chat(2, user="b")], rows, unsafe=False, select=["X007"])
    assert kept == rows
    assert record.report.counts["X007"] == 1
