"""The record as a whole: the same in any order, by pointer only, with nodes, forgotten rows and what is refused."""

from __future__ import annotations

import random
import sys

import made_answers as made
import msgspec
import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.assemble import assemble
from service.evaluate.gate import Gate, gate
from service.evaluate.measures.catalogue import ROWS
from service.evaluate.measuring import Side
from service.evaluate.scores import score
from service.evaluate.statistics import Draws
from service.records.evaluation import Goal

GOAL = Goal("exact_match", 0.9)
DRAWS = Draws(resamples=1_000)


def test_rows_and_answers_in_another_order_change_nothing() -> None:
    rows = made.rows_of(60)
    answers = {(one, "small"): made.answers_of(rows, 0.7, seed) for seed, one in enumerate(("plain", "shots"))}
    about = made.about_of(GOAL, ["plain", "shots"])
    mixed = random.Random(4)
    turned = {
        key: mixed.sample(given, len(given)) for key, given in sorted(answers.items(), reverse=True)
    }  # fmt: skip
    assert assemble(mixed.sample(rows, 60), turned, about) == assemble(rows, answers, about)


def test_the_id_is_of_the_content_and_not_of_clock_or_speed() -> None:
    rows = made.rows_of(30)
    one = assemble(rows, {("plain", "small"): made.answers_of(rows, 0.7, 1)}, made.about_of(GOAL, ["plain"]))
    slower = {("plain", "small"): made.answers_of(rows, 0.7, 1, seconds=2.0)}
    later = assemble(rows, slower, made.about_of(GOAL, ["plain"], made_at="2027-01-01T00:00:00.000Z"))
    other = assemble(rows, {("plain", "small"): made.answers_of(rows, 0.8, 1)}, made.about_of(GOAL, ["plain"]))
    assert one.id == later.id != other.id
    assert later.cells[0].latency_p50_s == 2.0


def test_a_duplicate_of_a_variant_is_not_better() -> None:
    rows = made.rows_of(300)
    same = made.answers_of(rows, 0.7, 1)
    found = assemble(
        rows, {("plain", "small"): same, ("shots", "small"): same}, made.about_of(GOAL, ["plain", "shots"])
    )
    assert {one.verdict for one in found.differences} == {"equal-enough"}
    few = assemble(
        rows[:9], {("plain", "small"): same[:9], ("shots", "small"): same[:9]}, made.about_of(GOAL, ["plain", "shots"])
    )
    told = {one.verdict for one in few.differences if one.measure == "exact_match"}
    assert told == {"not-enough-rows"}, "nine rows cannot show that two are equal"


def test_differences_are_of_the_rows_that_both_answered() -> None:
    rows = made.rows_of(40)
    answers = {
        ("plain", "small"): made.answers_of(rows, 0.5, 1)[:30],
        ("shots", "small"): made.answers_of(rows, 0.9, 2)[5:],
    }
    found = assemble(rows, answers, made.about_of(GOAL, ["plain", "shots"]))
    assert {one.rows for one in found.differences} == {25}
    assert {(one.variant, one.than_variant) for one in found.differences} == {("shots", "plain")}


def test_a_difference_says_what_it_could_have_shown() -> None:
    rows = made.rows_of(100)
    answers = {("plain", "small"): made.answers_of(rows, 0.7, 1), ("shots", "small"): made.answers_of(rows, 0.72, 2)}
    found = assemble(rows, answers, made.about_of(GOAL, ["plain", "shots"]))
    one = next(one for one in found.differences if one.measure == "exact_match")
    assert one.verdict == "not-enough-rows"
    assert one.detectable is not None
    assert one.detectable > abs(one.difference)


def test_a_tuned_model_is_compared_with_every_other_and_forgetting_is_seen() -> None:
    rows = made.rows_of(300)
    kept = frozenset(range(201, 301))
    base = made.answers_of(rows, 1.0, 1)
    tuned = [Answer(line=one.line, text=one.text if one.line <= 200 or one.line % 2 else "forgotten") for one in base]
    about = made.about_of(
        GOAL, ["plain", "tune"], regression_lines=kept, models=[{"id": "small"}, {"id": "small-tuned"}]
    )
    found = assemble(rows, {("plain", "small"): base, ("tune", "small-tuned"): tuned}, about)
    worse = [one for one in found.differences if one.verdict == "worse"]
    assert "regression.exact_match" in {one.measure for one in worse}
    assert all(one.measure.startswith("regression.") for one in worse)
    assert found.cells[1].measures["exact_match"].value == 1.0
    assert found.cells[1].measures["regression.exact_match"].value == 0.5


def test_nodes_of_a_flow_are_held_against_what_is_expected_of_them() -> None:
    rows = [
        msgspec.structs.replace(row, expected_nodes={"classify": "shelf"}) for row in made.rows_of(20)
    ]  # fmt: skip
    answers = [
        Answer(line=row.line, text=row.expected, nodes={"classify": "shelf" if row.line > 5 else "book", "write": "x"})
        for row in rows
    ]
    found = assemble(rows, {("chain", "small"): answers}, made.about_of(GOAL, ["chain"])).cells[0]
    assert found.nodes["classify"]["exact_match"].value == 0.75
    assert set(found.nodes["write"]) == {"refusal_rate", "answer_characters"}


def test_worst_rows_are_pointers_and_the_record_holds_no_text() -> None:
    rows = made.rows_of(30)
    found = assemble(rows, {("plain", "small"): made.answers_of(rows, 0.5, 1)}, made.about_of(GOAL, ["plain"]))
    assert len(found.worst) == 10
    assert {(one.path, one.value) for one in found.worst} == {("eval.jsonl", 0.0)}
    text = msgspec.json.encode(found).decode()
    assert "stands on shelf" not in text
    assert "nobody can say" not in text
    assert "question" not in text


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("exact_mach", "Did you mean 'exact_match'?"),
        ("answer_tokens", "neither better nor worse"),
        ("tool_calls", "name another measure"),
        ("regression.exact_match", "name another measure"),
    ],
)
def test_a_goal_that_cannot_be_judged_is_refused(measure: str, said: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        assemble(made.rows_of(2), {}, made.about_of(Goal(measure, 1.0), []))
    assert raised.value.code == "invalid_input"
    assert said in str(raised.value.errors[0].remedy)


def test_own_limits_and_refusals_are_read() -> None:
    rows = [EvaluationRow(line=i, messages=[]) for i in range(1, 11)]
    answers = {("plain", "small"): [Answer(line=row.line, text="Nein danke.") for row in rows]}
    own = (
        b'[[language]]\nid = "de"\nopenings = ["nein"]\napologies = []\ninabilities = []\nsource = "x"\nread_on = "x"\n'
    )
    rules = rule_files().overlaid({"refusals.toml": own})
    about = made.about_of(None, ["plain"])
    assert assemble(rows, answers, about, rules=rules).cells[0].measures["refusal_rate"].value == 1.0
    assert assemble(rows, answers, about).cells[0].measures["refusal_rate"].value == 0.0
    with pytest.raises(TuneGateError) as raised:
        assemble(rows, answers, about, rules=rule_files().overlaid({"evaluation.toml": b"[grounded]\nvalue = 1"}))
    assert raised.value.code == "invalid_rules"


def gated(before: float, after: float, *, rows: int = 300, forgets: bool = False) -> Gate:
    asked = made.rows_of(rows)
    kept = frozenset(range(rows // 2, rows + 1)) if forgets else frozenset[int]()
    sides = []
    for name, share, seed in (("plain", before, 1), ("tune", after, 2)):
        answers = made.answers_of(asked, share, seed)
        if forgets:
            same = [Answer(line=row.line, text=row.expected if name == "plain" else "gone") for row in asked]
            answers = [same[i] if answer.line in kept else answer for i, answer in enumerate(answers)]
        sides.append(Side(name, "small", score(asked, answers, ROWS, kept)))
    return gate(*sides, measure="exact_match", draws=DRAWS, margin=0.02)


def test_the_gate_opens_for_what_is_better_and_forgets_nothing() -> None:
    assert gated(0.6, 0.8).state == "passed"
    assert "+0.200" in gated(0.6, 0.8).why
    for closed, said in (
        (gated(0.8, 0.6), "is worse"), (gated(0.7, 0.72), "not shown to be better"),
        (gated(0.5, 0.9, rows=6), "not shown to be better"), (gated(0.5, 0.9, forgets=True), "Something was forgotten"),
    ):  # fmt: skip
        assert closed.state == "failed"
        assert said in closed.why
    same = made.rows_of(300)
    side = Side("plain", "small", score(same, made.answers_of(same, 0.7, 1), ROWS))
    assert "is no better" in gate(side, side, measure="exact_match", draws=DRAWS, margin=0.02).why
    assert "No row has tool_calls" in gate(side, side, measure="tool_calls", draws=DRAWS, margin=0.02).why


def test_the_gate_holds_rows_without_an_answer_against_the_candidate() -> None:
    rows = made.rows_of(300)
    before = Side("plain", "small", score(rows, made.answers_of(rows, 0.6, 1), ROWS))
    answers = made.answers_of(rows, 0.8, 2)
    for silent, state in ((5, "passed"), (60, "failed")):
        after = Side("tune", "small", score(rows, answers[silent:], ROWS))
        found = gate(before, after, measure="exact_match", draws=DRAWS, margin=0.02)
        assert found.state == state
        assert ("no answer to 60 row(s)" in found.why) == (state == "failed")


def test_a_missing_library_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(TuneGateError) as raised:
        assemble(made.rows_of(2), {}, made.about_of(made.GOAL, []))
    assert raised.value.code == "missing_extra"
    assert "evaluate" in str(raised.value)
