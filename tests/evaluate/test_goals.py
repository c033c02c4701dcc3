"""Goals: what is enough, on the scale and with the side of its measure; every fault of one at once."""

from __future__ import annotations

import pytest

from service.errors import ErrorItem
from service.evaluate.goals import read_goal
from service.records.evaluation import Goal


@pytest.mark.parametrize(("said", "goal"), [
    ("exact_match>=90%", Goal("exact_match", 0.9)),
    ("exact_match >= 0.9", Goal("exact_match", 0.9)),
    ("bleu>=30%", Goal("bleu", 30.0)),
    ("bleu>=30", Goal("bleu", 30.0)),
    ("regression.chrf>=55.5%", Goal("regression.chrf", 55.5)),
    ("over_refusal<=10%", Goal("over_refusal", 0.1)),
    ("token_f1>=1,usd_per_1000<=2,latency_p95_s<=1.5", Goal("token_f1", 1.0, 2.0, 1.5)),
])  # fmt: skip
def test_a_goal_is_on_its_measures_scale(said: str, goal: Goal) -> None:
    errors: list[ErrorItem] = []
    assert read_goal(said, errors) == goal
    assert errors == []


@pytest.mark.parametrize(("said", "told"), [
    ("exact_match>=90", ["Did you mean exact_match>=90%?"]),
    ("bleu>=130", ["from 0 to 100, or from 0% to 100%"]),
    ("exact_match>=101%", ["from 0 to 1, or from 0% to 100%"]),
    ("exact_match<=10%", ["exact_match>=NUMBER", "Higher is better here."]),
    ("over_refusal>=10%", ["over_refusal<=NUMBER", "Lower is better here."]),
    ("exact_match>=90%,usd_per_1000>=2", ["usd_per_1000<=NUMBER"]),
    ("exact_match>=90%,usd_per_1000<=2%", ["usd_per_1000<=NUMBER"]),
    ("exact_matsch>=90%", ["exact_matsch", "exact_match"]),
    ("answer_tokens>=3", ["More of it is neither better nor worse"]),
    ("exact_match<=90%,latency_p95_s>=2", ["latency_p95_s<=NUMBER", "exact_match>=NUMBER"]),
    ("exact_match>=90%,bleu>=3", ["one MEASURE>=NUMBER"]),
    ("exact_match>=90%,usd_per_1000<=1,usd_per_1000<=2", ["one MEASURE>=NUMBER"]),
    ("good", ["one MEASURE>=NUMBER"]),
])  # fmt: skip
def test_a_goal_that_cannot_be_is_refused(said: str, told: list[str]) -> None:
    errors: list[ErrorItem] = []
    assert read_goal(said, errors) is None
    shown = " | ".join(f"{one.seen} {one.allowed} {one.remedy}" for one in errors)
    assert all(one in shown for one in told), shown


def test_nothing_asked_is_no_goal() -> None:
    assert read_goal(None, []) is None
