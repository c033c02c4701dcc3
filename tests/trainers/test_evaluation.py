"""How answers are measured: by the measures asked for, on the prompts that leave room for an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.answer_metrics import answer_metrics, token_f1
from trainers.contract import Check, EvaluationSettings, TrainPlan
from trainers.evaluation import evaluate
from trainers.labelling import label_rows
from trainers.load import load_model, load_rows, load_tokenizer

WORDS = st.lists(st.sampled_from(["red", "the", "blue", "an", "grey,", "House.", "tree!"]), max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_token_f1_is_a_symmetric_share(one: str, other: str) -> None:
    assert token_f1(one, one) == 1.0
    assert token_f1(one, other) == token_f1(other, one)
    assert 0.0 <= token_f1(one, other) <= 1.0


@pytest.mark.parametrize(
    ("answer", "expected", "share"),
    [
        ("The red house.", "a red house", 1.0),
        ("red house", "red tree", 0.5),
        ("red red", "red", 2 / 3),
        ("", "red", 0.0),
        ("the", "an", 1.0),
    ],
)
def test_token_f1_by_hand(answer: str, expected: str, share: float) -> None:
    assert token_f1(answer, expected) == pytest.approx(share)


def test_bleu_and_chrf_are_of_the_corpus_and_say_how_they_counted() -> None:
    texts = ["The books are on the second floor.", "Bring the card back by Friday, please."]
    same = answer_metrics(["bleu", "chrf"], texts, texts)
    assert same["metrics"] == pytest.approx({"bleu": 100.0, "chrf": 100.0})
    assert all("version:" in signature for signature in same["signatures"].values())
    other = answer_metrics(["bleu", "chrf"], ["The books are on the first floor.", "Bring it back."], texts)
    assert 0 < other["metrics"]["bleu"] < other["metrics"]["chrf"] < 90


def test_without_answers_nothing_is_made_up() -> None:
    assert answer_metrics(["bleu", "token_f1"], [], [])["metrics"] == {"bleu": None, "token_f1": None}
    assert answer_metrics([], ["a"], ["a"]) == {}


@pytest.fixture
def measure(make_plan: Any) -> Callable[..., dict[str, Any]]:
    def run(rows: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
        plan = msgspec.json.decode(make_plan(rows=rows).read_bytes(), type=TrainPlan)
        tokenizer, kept = load_tokenizer(plan), load_rows(plan.dataset)
        labelled = label_rows(tokenizer, kept).samples
        said: list[str] = []
        model = load_model(plan)
        return evaluate(model, tokenizer, kept, labelled, EvaluationSettings(**settings), said.append) | {"said": said}

    return run


def test_the_metrics_of_a_plan_are_measured(measure: Any, rows: Any) -> None:
    found = measure([rows(n) for n in range(3)], max_new_tokens=4, metrics=["chrf", "token_f1"])
    assert found["generations"] == 3
    assert set(found["metrics"]) == {"chrf", "token_f1"}
    assert 0 <= found["metrics"]["chrf"] < 60


def test_a_prompt_without_room_for_its_answer_is_not_asked_and_that_is_said(
    measure: Any, rows: Any, model: Path
) -> None:
    long = rows(1)
    long["messages"][1]["content"] *= 20  # the model's context has 256 tokens
    found = measure([rows(0), long], max_new_tokens=128)
    assert (found["rows"], found["generations"]) == (2, 1)
    assert any(said.startswith("1 validation prompts leave no room") for said in found["said"])
    assert found["exact_match"] is not None


def test_the_numbers_of_single_rows_make_up_the_measures(measure: Any, rows: Any, model: Path) -> None:
    long = rows(1)
    long["messages"][1]["content"] *= 20
    found = measure([rows(0), long, rows(2)], max_new_tokens=128, metrics=["token_f1"], checks=[Check("any", ".*")])
    scores = found["scores"]
    assert set(scores) == {"row_loss", "token_accuracy", "exact_match", "token_f1", "check any"}
    assert {name: [one is None for one in column] for name, column in scores.items() if None in column} == {
        name: [False, True, False] for name in ("exact_match", "token_f1", "check any")
    }
    assert found["metrics"]["token_f1"] == pytest.approx((scores["token_f1"][0] + scores["token_f1"][2]) / 2, abs=1e-5)
    assert [scores["check any"][place] for place in (0, 2)] == [1.0, 1.0]
    # rows of one length weigh the same: the mean over tokens is the mean over rows
    even = measure([rows(n) for n in range(3)], max_new_tokens=4)
    assert even["validation_loss"] == pytest.approx(sum(even["scores"]["row_loss"]) / 3, abs=1e-5)
    assert even["token_accuracy"] == pytest.approx(sum(even["scores"]["token_accuracy"]) / 3, abs=1e-5)
    assert len(measure([rows(n) for n in range(3)], max_new_tokens=4, max_rows=2)["scores"]["row_loss"]) == 2
