"""Measures against values computed by hand (by_hand.toml), and what a stranger's schema or expression may cost."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.catalogue import CORPUS, NAMES, ROWS
from service.evaluate.measures.expressions import matches, waiting_once
from service.evaluate.measures.overlap import rouge_l, token_f1
from service.evaluate.scores import score
from trainers.answer_metrics import token_f1 as token_f1_of_the_trainer

HERE = Path(__file__).parent
TABLE: dict[str, list[dict[str, Any]]] = tomllib.loads((HERE / "by_hand.toml").read_text())
# on 200 letters it tries every way to cut them: for ever
HOSTILE = r"(a|aa)+[bc]"


def row_of(case: dict[str, Any], line: int = 1) -> EvaluationRow:
    given = {"line": line, "messages": [], **case.get("row", {})}
    if "expected" in case:
        given["expected"] = case["expected"]
    return msgspec.convert(given, EvaluationRow)


def answer_of(case: dict[str, Any]) -> Answer:
    names = ("calls", "samples", "perturbed", "retrieved", "judged", "tokens_out")
    return msgspec.convert({"line": 1, "text": case.get("answer")} | {n: case[n] for n in names if n in case}, Answer)


@pytest.mark.parametrize("case", TABLE["case"], ids=lambda case: f"{case['measure']}: {case['how']}")
def test_a_row_scores_what_was_computed_by_hand(case: dict[str, Any]) -> None:
    scored = score([row_of(case)], [answer_of(case)], ROWS).rows.get(case["measure"], {})
    if case["value"] is False:
        assert scored == {}
    else:
        assert scored[1] == pytest.approx(case["value"], abs=1e-6)


@pytest.mark.parametrize("case", TABLE["corpus"], ids=lambda case: f"{case['measure']}: {case['how']}")
def test_all_answers_together_score_what_was_computed_by_hand(case: dict[str, Any]) -> None:
    measure = CORPUS[case["measure"]]
    statistics = measure.statistics(case["answers"], case["expected"])
    assert len(statistics) == len(case["answers"])
    assert measure.score([sum(column) for column in zip(*statistics, strict=True)]) == pytest.approx(
        case["value"], abs=1e-3
    )


def test_the_table_has_every_measure() -> None:
    assert {case["measure"] for case in [*TABLE["case"], *TABLE["corpus"]]} >= set(NAMES) - {"consistency_perturbed_f1"}
    assert len(TABLE["case"]) + len(TABLE["corpus"]) >= 40


@pytest.mark.parametrize("case", [case for case in TABLE["case"] if case["measure"] == "token_f1"], ids=str)
def test_the_trainer_counts_words_alike(case: dict[str, Any]) -> None:
    both = case["answer"], case["expected"]
    assert token_f1(*both) == token_f1_of_the_trainer(*both)


@given(st.lists(st.sampled_from(["a b", "c", "The", "d!", "\u00e9", "x1"]), max_size=30), st.data())
def test_rouge_l_is_that_of_rouge_score(some: list[str], data: st.DataObject) -> None:
    one, other = " ".join(some), " ".join(data.draw(st.permutations(some))[: data.draw(st.integers(0, 30))])
    reference = RougeScorer(["rougeL"], use_stemmer=False).score(other, one)["rougeL"].fmeasure
    assert rouge_l(one, other) == pytest.approx(reference)


@pytest.mark.parametrize("judged", [float("nan"), -0.1, 7.0])
def test_a_judge_who_leaves_the_scale_is_not_heard(judged: float) -> None:
    assert "judged" not in score([row_of({})], [Answer(line=1, text="x", judged=judged)], ROWS).rows


def test_a_hostile_expression_ends_and_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.evaluate.measures.expressions._SECONDS", 0.05)
    text = "a" * 200
    with waiting_once():
        assert matches(HOSTILE, text) is None
        assert matches(HOSTILE, "a" * 24 + "b") is None, "it would match, and is not run again"
        assert matches(r"a+", text) is True
    with waiting_once():
        assert matches(HOSTILE, "a" * 24 + "b") is True, "another evaluation begins anew"


def test_a_hostile_expression_in_a_schema_is_not_held_against_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.evaluate.measures.expressions._SECONDS", 0.05)
    row = EvaluationRow(line=1, messages=[], json_schema={"type": "string", "pattern": HOSTILE})
    with waiting_once():
        assert score([row], [Answer(line=1, text='"' + "a" * 200 + '"')], ROWS).rows["schema_valid"] == {1: 1.0}
        assert score([row], [Answer(line=1, text="3")], ROWS).rows["schema_valid"] == {1: 0.0}


def test_a_schema_whose_references_double_is_not_run() -> None:
    doubling = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)} | {"d40": {}}
    row = EvaluationRow(line=1, messages=[], json_schema={"$ref": "#/$defs/d0", "$defs": doubling})
    found = score([row], [Answer(line=1, text="{}")], ROWS)
    assert "schema_valid" not in found.rows
    assert found.unjudged["schema_valid"] == 1


def test_text_as_deep_as_it_likes_is_no_json() -> None:
    row = EvaluationRow(line=1, messages=[], json_schema=True)
    assert score([row], [Answer(line=1, text="[" * 100_000)], ROWS).rows["schema_valid"] == {1: 0.0}
