"""Which kind of gap is proposed, with its evidence: form, knowledge, behaviour; or none of them."""

from __future__ import annotations

from typing import Any

import made_answers as made
import pytest

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.assemble import assemble
from service.records.evaluation import Evaluation, Goal

GOAL = Goal("exact_match", 0.9)


def concluded(answers: dict[str, list[Answer]], rows: list[EvaluationRow], goal: Goal = GOAL) -> Evaluation:
    about = made.about_of(goal, list(answers))
    return assemble(rows, {(name, "small"): given for name, given in answers.items()}, about)


def changed(rows: list[EvaluationRow], how: Any, **given: Any) -> list[Answer]:
    return [Answer(line=row.line, text=how(row), **given) for row in rows]


def test_right_words_in_the_wrong_form_are_a_gap_of_form() -> None:
    rows = made.rows_of(200)
    found = concluded({"plain": changed(rows, lambda row: f"Well: {row.expected}!")}, rows)
    assert found.facts["gap.kind"] == "format"
    assert "exact match 0.00 [0.00, 0.02] while token F1 is 0.9" in found.evidence["gap.kind"]


def test_a_schema_that_is_asked_for_and_broken_is_a_gap_of_form() -> None:
    rows = [EvaluationRow(line=i, messages=[], json_schema={"type": "object"}) for i in range(1, 101)]
    found = concluded(
        {"plain": changed(rows, lambda row: "{}" if row.line % 2 else "no")}, rows, Goal("schema_valid", 0.95)
    )
    assert (found.conclusion.status, found.facts["gap.kind"]) == ("not-met", "format")


def test_retrieval_that_helps_and_is_still_short_is_a_gap_of_knowledge() -> None:
    rows = made.rows_of(300)
    found = concluded(
        {"shots": made.answers_of(rows, 0.3, 1), "docs": made.answers_of(rows, 0.6, 2)}, rows
    )  # fmt: skip
    assert (found.conclusion.status, found.facts["gap.kind"]) == ("not-met", "knowledge")
    assert "better than shots by 0.30" in found.evidence["gap.kind"]


def test_answers_that_do_not_rest_on_what_was_retrieved_are_a_gap_of_knowledge() -> None:
    rows = made.rows_of(100)
    answers = made.answers_of(rows, 0.3, 1, retrieved=["opening hours of another house altogether"])
    found = concluded({"docs": answers}, rows)
    assert found.facts["gap.kind"] == "knowledge"
    assert "overlap 0.00" in found.evidence["gap.kind"]
    assert "not truth" in (found.cells[0].measures["grounded_ngrams"].why or "")


def test_overlap_proposes_no_knowledge_where_retrieval_brings_nothing() -> None:
    rows = made.rows_of(100)
    retrieved = ["opening hours of another house altogether"]
    sides = {"plain": made.answers_of(rows, 0.3, 1), "docs": made.answers_of(rows, 0.32, 2, retrieved=retrieved)}
    found = concluded(sides, rows)
    assert (found.conclusion.status, found.facts["tried.rag"]) == ("not-met", True)
    assert "gap.kind" not in found.facts


@pytest.mark.parametrize(("share", "status"), [(0.3, "not-met"), (0.99, "met")])
def test_a_cell_that_cannot_have_the_measure_decides_nothing(share: float, status: str) -> None:
    rows = made.rows_of(200)
    steady = [Answer(line=row.line, text="so", samples=["so", "so"]) for row in rows]
    unsteady = [Answer(line=row.line, text="so", samples=["this", "that"]) for row in rows]
    count = round(share * len(rows))
    sides = {"plain": made.answers_of(rows, 0.5, 1), "shots": steady[:count] + unsteady[count:]}
    found = concluded(sides, rows, Goal("consistency", 0.9))
    assert found.conclusion.status == status
    assert "tried.prompt" not in found.facts
    assert found.facts["tried.few_shot"] is (status == "not-met")


def test_a_model_that_answered_nothing_is_named() -> None:
    rows = made.rows_of(50)
    found = concluded({"plain": [Answer(line=row.line, error="timeout") for row in rows]}, rows)
    assert found.conclusion.status == "not-enough-rows"
    assert "plain with small has no answer to any row" in found.conclusion.why


def test_answers_that_change_are_a_gap_of_behaviour_and_a_measured_consistency() -> None:
    rows = made.rows_of(100)
    found = concluded({"plain": made.answers_of(rows, 0.3, 1, samples=["one thing", "another"])}, rows)
    assert found.facts["gap.kind"] == "behaviour"
    assert found.facts["eval.consistency"] == 0.0
    assert found.facts["drift.seen"] == "inconsistent-prompts"
    assert "the same question gets different answers" in found.evidence["gap.kind"]


def test_free_text_that_is_said_in_two_ways_proposes_nothing() -> None:
    rows = made.rows_of(100)
    answers = made.answers_of(rows, 0.3, 1, samples=["one thing", "another"])
    found = concluded({"plain": answers}, rows, Goal("token_f1", 0.9))
    assert found.conclusion.status == "not-met"
    assert not {"gap.kind", "eval.consistency", "drift.seen"} & set(found.facts)


def test_wrong_answers_alone_propose_nothing() -> None:
    rows = made.rows_of(100)
    found = concluded({"plain": made.answers_of(rows, 0.3, 1)}, rows)
    assert "gap.kind" not in found.facts


def test_rows_that_hold_nothing_to_compare_with_are_no_evaluation() -> None:
    rows = [EvaluationRow(line=i, messages=[]) for i in range(1, 50)]
    about = made.about_of(None, ["plain"])
    found = assemble(rows, {("plain", "small"): changed(rows, lambda row: "hm")}, about)
    assert found.facts == {"eval.exists": False}
    unjudged = concluded({"plain": changed(rows, lambda row: "hm")}, rows, Goal("consistency", 0.9))
    assert (unjudged.conclusion.status, unjudged.facts) == ("not-enough-rows", {"eval.exists": False})
    assert "give the rows what it needs" in unjudged.conclusion.why


@pytest.mark.parametrize(("failed", "status"), [(2, "met"), (40, "not-enough-rows")])
def test_rows_without_an_answer_could_be_right_or_wrong(failed: int, status: str) -> None:
    rows = made.rows_of(400)
    answers = made.answers_of(rows, 0.98, 1)
    answers[:failed] = [Answer(line=row.line, error="endpoint_failed") for row in rows[:failed]]
    found = concluded({"plain": answers}, rows)
    assert found.conclusion.status == status
    assert found.cells[0].failed == {"endpoint_failed": failed}
    assert found.cells[0].measures["exact_match"].missing == failed
    if status == "not-enough-rows":
        assert "40 row(s) have no answer" in found.conclusion.why


def test_a_goal_where_less_is_better() -> None:
    rows = [EvaluationRow(line=i, messages=[], refuse=False) for i in range(1, 401)]
    goal = Goal("over_refusal", 0.05)
    good = concluded({"plain": changed(rows, lambda row: "Yes, here it is.")}, rows, goal)
    bad = concluded({"plain": changed(rows, lambda row: "I cannot do that." if row.line % 2 else "Yes.")}, rows, goal)
    assert (good.conclusion.status, bad.conclusion.status) == ("met", "not-met")
    assert "at most 0.05" in bad.conclusion.why
    assert [one.value for one in bad.worst] == [1.0] * 10
