"""Evaluations whose right conclusion is known, from answers to the advisor's step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.cli.app import run
from service.data import rule_files
from service.records.evaluation import Evaluation, Goal
from service.verbs.advise import advise

Evaluated = Callable[..., Evaluation]
RULES = rule_files()
# what an evaluation does not measure
REST: dict[str, Any] = {
    "answer.grounded": False, "data.rows": 240, "scenario": ["chatbot"], "artifact.needed": "onnx",
    "compute.managed_by": "us", "gpu.count": 1, "fit.lora": "fits",
}  # fmt: skip
SHARES: dict[str, dict[str, float]] = {
    "prompting": {"plain": 0.97, "shots": 0.98},
    "few-shot": {"plain": 0.61, "shots": 0.96},
    "retrieval": {"plain": 0.41, "shots": 0.5, "docs": 0.96},
    "flow": {"plain": 0.41, "shots": 0.5, "chain": 0.96},
    "tuned": {"plain": 0.41, "shots": 0.5, "tune": 0.96},
    "nothing": {"plain": 0.61, "shots": 0.63},
}


def step(evaluation: Evaluation, **stated: Any) -> str | None:
    facts = REST | {name.replace("__", "."): value for name, value in stated.items()}
    decision = advise(facts, rules=RULES, evaluations=[evaluation])
    return decision.answer.step if decision.answer else None


@pytest.mark.parametrize(
    ("which", "status", "variant", "expected"),
    [
        ("prompting", "met", "plain", "keep-prompt"), ("few-shot", "met", "shots", "few-shot"),
        ("retrieval", "met", "docs", "rag"), ("flow", "met", "chain", "prompt"), ("tuned", "met", "tune", "fine-tune"),
    ],
)  # fmt: skip
def test_the_cheapest_kind_that_is_enough_is_what_the_advisor_says(
    evaluated: Evaluated, which: str, status: str, variant: str, expected: str
) -> None:
    found = evaluated(400, **SHARES[which])
    assert (found.conclusion.status, found.conclusion.variant) == (status, variant)
    assert step(found) == expected


def test_prompting_that_falls_short_goes_on_to_tuning(evaluated: Evaluated) -> None:
    found = evaluated(400, **SHARES["nothing"])
    assert found.conclusion.status == "not-met"
    assert found.conclusion.variant is None
    assert "stays at 0.63 [" in found.conclusion.why
    assert "0.90 that you ask: fine-tune is worth a try" in found.conclusion.why
    assert found.facts == {"eval.exists": True, "tried.prompt": True, "tried.few_shot": True}
    assert step(found, gap__kind="behaviour") == "fine-tune"
    assert step(found) is None, "what kind of gap it is has to be asked"


def test_a_stated_gap_stands_beside_a_proposed_one(evaluated: Evaluated) -> None:
    found = evaluated(400, plain=0.3, docs=0.6)
    assert (found.facts["gap.kind"], found.facts["tried.rag"]) == ("knowledge", True)
    assert step(found, tried__few_shot=True) == "rag-and-fine-tune"
    assert step(found, tried__few_shot=True, gap__kind="behaviour") == "fine-tune"
    good = evaluated(400, **SHARES["prompting"])
    assert step(good, gap__kind="behaviour") == "keep-prompt", "that nothing is missing is measured"


def test_too_few_rows_ask_for_more_whatever_is_stated(evaluated: Evaluated) -> None:
    found = evaluated(20, plain=0.85, shots=0.95)
    assert found.conclusion.status == "not-enough-rows"
    assert "lies inside the interval; about" in found.conclusion.why
    stated = {"eval__exists": True, "tried__prompt": True, "tried__few_shot": True, "gap__kind": "behaviour"}
    assert step(found, **stated) == "build-evaluation"


def test_all_right_on_a_handful_is_not_enough(evaluated: Evaluated) -> None:
    found = evaluated(5, plain=1.0)
    assert found.conclusion.status == "not-enough-rows"
    assert found.cells[0].measures["exact_match"].value == 1.0


def test_without_a_goal_nothing_is_claimed(evaluated: Evaluated) -> None:
    found = evaluated(100, goal=None, plain=0.5, shots=0.9)
    assert found.conclusion.status == "no-goal"
    assert found.facts == {"eval.exists": True}
    assert {one.verdict for one in found.differences if one.measure == "exact_match"} == {"better"}


def test_a_cheaper_kind_that_may_be_enough_too_is_named(evaluated: Evaluated) -> None:
    found = evaluated(400, plain=0.9, shots=0.97)
    assert found.conclusion.variant == "shots"
    assert "Prompting may be enough too" in found.conclusion.why
    assert step(found) == "few-shot"


def test_good_enough_and_too_dear_is_a_gap_of_cost(evaluated: Evaluated) -> None:
    found = evaluated(400, goal=Goal("exact_match", 0.9, usd_per_1000=0.1), **SHARES["prompting"])
    assert found.cells[0].usd_per_1000 == pytest.approx(0.24)  # 200 x 1 + 20 x 2 USD per million, a thousand times
    assert found.conclusion.status == "not-met"
    assert "costs 0.24 USD per 1,000 answers against 0.10" in found.conclusion.why
    assert found.facts["gap.kind"] == "latency-cost"
    assert step(found) == "fine-tune"


def test_the_record_reaches_the_advisor_by_file_with_its_origin(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(400, **SHARES["few-shot"])
    (tmp_path / "eval.json").write_bytes(msgspec.json.encode(found))
    command = ["advise", "--evaluation", str(tmp_path / "eval.json"), "--set", "gap.kind=none", "--format", "json"]
    assert run(command) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["answer"]["step"] == "few-shot"
    origins = {one["name"]: one["from"] for one in decision["facts"]}
    assert origins == dict.fromkeys(found.facts, f"measured:{found.id}")
    assert any(one["rule"] == "CAU-200" for one in decision["cautions"]), "a stated fact was overruled"


def test_a_flow_that_reaches_the_goal_is_named_by_the_advice(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(400, **SHARES["flow"])
    told = "A flow of prompts reaches the goal: exact match 0.96 ["
    assert found.conclusion.why.startswith(told)
    assert (found.facts["tried.prompt"], told in found.evidence["tried.prompt"]) == (False, True)
    (tmp_path / "eval.json").write_bytes(msgspec.json.encode(found))
    assert run(["advise", "--evaluation", str(tmp_path / "eval.json"), "--format", "json"]) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["answer"]["step"] == "prompt"
    assert any(told in one["says"] and one["record"] == found.id for one in decision["evidence"])


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_the_advice_says_what_was_measured(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str], format_: str
) -> None:
    found = evaluated(400, **SHARES["nothing"])
    (tmp_path / "eval.json").write_bytes(msgspec.json.encode(found))
    facts = REST | {"gap.kind": "behaviour"}
    (tmp_path / "facts.json").write_text(json.dumps({"facts": facts}))
    command = ["advise", str(tmp_path / "facts.json"), "--evaluation", str(tmp_path / "eval.json")]
    assert run([*command, "--format", format_]) == 0
    said = capsys.readouterr().out
    one = found.cells[1].measures["exact_match"]
    figures = f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
    assert f"stays at {figures} exact match against the 0.90 that you ask: fine-tune is worth a try" in said
    assert found.id[:12] in said


def test_what_is_no_evaluation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "eval.json").write_text('{"id": "x"}')
    assert run(["advise", "--evaluation", str(tmp_path / "eval.json")]) == 2
    assert "Evaluation record" in capsys.readouterr().err


def test_facts_that_no_evaluation_can_hold_are_refused(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = msgspec.structs.replace(evaluated(20, plain=1.0), facts={"gap.kind": "nome", "tried.prompt": "perhaps"})
    (tmp_path / "eval.json").write_bytes(msgspec.json.encode(forged))
    assert run(["advise", "--evaluation", str(tmp_path / "eval.json")]) == 2
    said = capsys.readouterr().err
    assert "gap.kind" in said
    assert "tried.prompt" in said


def test_of_two_evaluations_the_later_counts(evaluated: Evaluated) -> None:
    early, late = evaluated(20, plain=0.9), evaluated(400, **SHARES["prompting"])
    for order, expected in (([early, late], "keep-prompt"), ([late, early], "build-evaluation")):
        decision = advise(REST, rules=RULES, evaluations=order)
        assert decision.answer is not None
        assert decision.answer.step == expected
