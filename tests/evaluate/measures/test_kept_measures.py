"""What was measured is kept: for another goal it is read, for other rows or answers never, and damage is noticed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import GOAL, about_of, answers_of, rows_of

from service.data import rule_files
from service.evaluate.answers import Answer, EvaluationRow, ExpectedCall
from service.evaluate.assemble import assemble
from service.evaluate.kept_measures import FOLDER, KeptMeasures
from service.records.evaluation import Evaluation, Goal

ROWS = rows_of(6)
PLAIN, SHOTS = answers_of(ROWS, 0.5, 1), answers_of(ROWS, 0.5, 2)
FEW = {"settings": {"seed": 3, "resamples": 20}}
# every change makes another score of the first row, or another set of rows that are scored
OF_ROW: list[dict[str, Any]] = [
    {"expected": "another answer"}, {"expected": None}, {"pattern": "[a-z ]+"}, {"refuse": True}, {"refuse": False},
    {"json_schema": {"type": "object"}}, {"json_schema": False}, {"choices": ["a", "b"], "right": 1},
    {"expected_calls": [ExpectedCall("find", {"a": 1})]}, {"expected_calls": [ExpectedCall("find", {"a": 2})]},
    {"line": 60}, {"expected_nodes": {"draft": "x"}},
]  # fmt: skip
OF_ANSWER: list[dict[str, Any]] = [
    {"text": "another answer"}, {"text": None}, {"calls": [ExpectedCall("find", {"a": 1})]}, {"samples": ["a", "b"]},
    {"perturbed": ["a"]}, {"retrieved": ["the book"]}, {"judged": 0.5}, {"judged": 0.25}, {"tokens_out": 7},
    {"error": "timeout"}, {"line": 2}, {"nodes": {"draft": "x"}},
]  # fmt: skip
Change = tuple[list[EvaluationRow], list[Answer], dict[str, Any]]


def made(change: Change, kept: KeptMeasures | None = None) -> Evaluation:
    rows, plain, given = change
    goal = GOAL if any(row.expected is not None for row in rows) else None
    answers = {("plain", "small"): plain, ("shots", "small"): SHOTS}
    return assemble(rows, answers, about_of(goal, ["plain", "shots"], **FEW | given), kept=kept)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Rows and answers that differ in a few places from those that every example begins with."""
    row = msgspec.structs.replace(ROWS[0], **draw(st.sampled_from([{}, *OF_ROW])))
    answer = msgspec.structs.replace(PLAIN[0], **draw(st.sampled_from([{}, *OF_ANSWER])))
    regression = draw(st.frozensets(st.integers(1, 2)))
    last = draw(st.integers(3, 6))
    settings = {"seed": draw(st.integers(3, 4)), "resamples": 20, "margin": draw(st.sampled_from([0.02, 0.5]))}
    return [row, *ROWS[1:last]], [answer, *PLAIN[1:]], {"regression_lines": regression, "settings": settings}


@settings(max_examples=30)
@given(st.lists(changes(), min_size=2, max_size=4))
def test_what_is_kept_is_never_that_of_other_rows_or_answers(several: list[Change]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for change in [*several, several[0]]:
            assert made(change, KeptMeasures(Path(folder))) == made(change)


@pytest.mark.parametrize("changed", OF_ROW + [{"answer": one} for one in OF_ANSWER])
def test_each_change_of_a_row_or_an_answer_is_measured(tmp_path: Path, changed: dict[str, Any]) -> None:
    made((ROWS, PLAIN, {}), KeptMeasures(tmp_path))
    before = set((tmp_path / FOLDER).iterdir())
    answer = changed.get("answer", {})
    rows = [msgspec.structs.replace(ROWS[0], **({} if answer else changed)), *ROWS[1:]]
    change: Change = (rows, [msgspec.structs.replace(PLAIN[0], **answer), *PLAIN[1:]], {})
    assert made(change, KeptMeasures(tmp_path)) == made(change)
    # the other side's scores rest on the rows too; and the answered rows are kept
    assert len(set((tmp_path / FOLDER).iterdir()) - before) == (3 if answer else 4)


def test_another_goal_is_concluded_from_what_is_kept(tmp_path: Path) -> None:
    rows = rows_of(40)
    answers = {("plain", "small"): answers_of(rows, 0.5, 1), ("shots", "small"): answers_of(rows, 0.9, 2)}
    seen = set()
    for goal in (GOAL, Goal("token_f1", 0.3), Goal("bleu", 20.0), None):
        about = about_of(goal, ["plain", "shots"])
        found = assemble(rows, answers, about, kept=KeptMeasures(tmp_path))
        assert found == assemble(rows, answers, about)
        seen.add(frozenset((one.name, one.stat().st_ino, one.stat().st_mtime_ns) for one in _files(tmp_path)))
    (files,) = seen
    assert len(files) == 4


def test_other_rules_measure_anew(tmp_path: Path) -> None:
    own = '[[language]]\nid = "en"\nopenings = ["nobody"]\napologies = []\ninabilities = []\n'
    own += 'source = "x"\nread_on = "x"\n'
    about = about_of(GOAL, ["plain"])
    for rules, rate in ((rule_files(), 0.0), (rule_files().overlaid({"refusals.toml": own.encode()}), 0.5)):
        kept = KeptMeasures(tmp_path)
        found = assemble(ROWS, {("plain", "small"): PLAIN}, about, rules=rules, kept=kept)
        assert found.cells[0].measures["refusal_rate"].value == rate


@pytest.mark.parametrize("damage", ["empty", "short", "cut", "turned", "swapped", "gone"])
def test_a_damaged_file_is_measured_again_and_written_anew(tmp_path: Path, damage: str) -> None:
    first = made((ROWS, PLAIN, {}), KeptMeasures(tmp_path))
    whole = {path: path.read_bytes() for path in _files(tmp_path)}
    contents = list(whole.values())
    for number, (path, content) in enumerate(whole.items()):
        turned = content[:-1] + bytes([content[-1] ^ 1])
        other = contents[number - 1]
        damaged = {"empty": b"", "short": b"x", "cut": content[:-1], "turned": turned, "swapped": other}
        if damage in damaged:
            path.write_bytes(damaged[damage])
        else:
            path.unlink()
    assert made((ROWS, PLAIN, {}), KeptMeasures(tmp_path)) == first
    assert {path: path.read_bytes() for path in _files(tmp_path)} == whole


def test_what_is_not_used_any_more_is_removed(tmp_path: Path) -> None:
    made((ROWS, PLAIN, {}), KeptMeasures(tmp_path))
    before = _files(tmp_path)
    kept = KeptMeasures(tmp_path)
    made((ROWS[:5], PLAIN, {}), kept)
    kept.forget_others()
    assert len(before) == len(_files(tmp_path)) == 4
    assert not set(before) & set(_files(tmp_path))


def _files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).iterdir())
