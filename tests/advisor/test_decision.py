"""The record: what it holds, where its facts come from, that its id stays, and that contradictions are named."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from service.advisor.examples import load_examples
from service.data import folder, rule_files
from service.errors import TuneGateError
from service.records.decision import Decision
from service.records.estimate import Estimate, Fit, Peak
from service.records.lint_report import LintedFile, LintReport, Summary
from service.verbs.advise import advise

RULES = rule_files()
SCENARIO: dict[str, Any] = tomllib.loads((folder("examples") / "scenarios" / "library-desk.toml").read_text())["facts"]
MEASURED: dict[str, Any] = {"data.rows": 240, "fit.lora": "fits"}
HOSTED = next(one.facts for one in load_examples(RULES) if one.rule == "TGT-070")


def report(facts: dict[str, Any], *roles: str) -> LintReport:
    return LintReport(
        id="a" * 64, rules_revision=RULES.revision, target="local", method="sft", model=None, verdict="pass",
        files=[LintedFile("x", role, "0" * 64, 1, 1) for role in roles], facts=facts,  # type: ignore[arg-type]
        summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, not_scanned=[],
    )  # fmt: skip


def estimate(technique: str, *verdicts: str, identifier: str = "b", **inputs: Any) -> Estimate:
    fits = [Fit(f"gpu-{number}", 1, verdict, 1.0) for number, verdict in enumerate(verdicts)]  # type: ignore[arg-type]
    return Estimate(
        id=identifier * 64, model="m", technique=technique, inputs=inputs, peak=Peak(1, 1, 1, 0, 1, 1), host_ram_gib=0,
        phase="backward", phases={}, breakdown=[], evidence="formula", validated=True, assumptions={}, fits=fits,
    )  # fmt: skip


def origin(decision: Decision, name: str) -> tuple[Any, str]:
    return next((fact.value, fact.source) for fact in decision.facts if fact.name == name)


def test_facts_alone_are_not_enough_and_the_next_question_comes_first() -> None:
    decision = advise(SCENARIO, rules=RULES)
    assert decision.answer is None
    assert [one.fact for one in decision.unknown][:2] == ["data.rows", "fit.lora"]
    assert "Lint" in decision.unknown[0].ask
    assert (decision.because, decision.cautions, decision.would_change) == ([], [], [])


def test_measured_facts_settle_it_and_say_where_they_come_from() -> None:
    decision = advise(
        SCENARIO, rules=RULES, report=report({"data.rows": 240}, "train"), estimates=[estimate("lora", "fits")]
    )
    assert decision.answer is not None
    assert (decision.answer.step, decision.answer.technique, decision.answer.target) == ("fine-tune", "lora", "local")
    assert [one.rule for one in decision.because][:3] == ["ESC-080", "TGT-040", "TEC-020"]
    assert origin(decision, "data.rows") == (240, f"measured:{'a' * 64}")
    assert origin(decision, "fit.lora") == ("fits", f"measured:{'b' * 64}")
    assert origin(decision, "data.validation") == (False, f"measured:{'a' * 64}")
    assert origin(decision, "gap.kind")[1] == "asked"


def test_a_measurement_wins_over_what_was_stated_and_says_so() -> None:
    decision = advise(SCENARIO | MEASURED | {"data.rows": 900}, rules=RULES, report=report({"data.rows": 96}))
    assert origin(decision, "data.rows") == (96, f"measured:{'a' * 64}")
    assert "CAU-200" in [one.rule for one in decision.cautions]


def test_sharded_estimates_speak_of_the_sharded_run() -> None:
    base = SCENARIO | {"data.rows": 240, "fit.lora": "no", "fit.qlora": "no", "fit.dora": "no"}
    zero = {"zero": {"stage": 3}, "gpus": 4}
    no = estimate("full", "no", identifier="d", zero={"stage": 2}, gpus=4)
    decision = advise(base, rules=RULES, estimates=[no, estimate("lora", "fits", **zero)])
    assert decision.answer is not None
    assert (decision.answer.technique, decision.answer.sharding) == ("lora", "zero3")
    assert origin(decision, "gpu.count") == (4, f"measured:{'b' * 64}")
    # where the scenarios leave no adapter, an adapter's estimate proves nothing
    parallel = advise(
        base | {"scenario": ["data-parallel"]}, rules=RULES, estimates=[no, estimate("lora", "fits", **zero)]
    )
    assert "fit.zero3" not in [fact.name for fact in parallel.facts]


def test_the_best_of_several_devices_counts_and_a_caution_says_so() -> None:
    decision = advise(SCENARIO | {"data.rows": 240}, rules=RULES, estimates=[estimate("lora", "no", "tight", "fits")])
    assert origin(decision, "fit.lora")[0] == "fits"
    assert "3 kinds of device" in next(one.text for one in decision.cautions if one.rule == "CAU-210")


def test_the_card_of_the_model_is_measured_too() -> None:
    facts = SCENARIO | MEASURED | {"model.id": "phi-4", "model.languages": ["en"], "model.task": "chat-completion"}
    decision = advise(facts, rules=RULES)
    assert origin(decision, "model.task_ok") == (True, "measured:base-models/phi-4")
    assert decision.models[0].id == "phi-4"


def test_the_id_does_not_depend_on_clock_or_order_but_on_edition_and_rules() -> None:
    facts = SCENARIO | MEASURED
    first = advise(facts, rules=RULES, now=datetime(2026, 1, 1, tzinfo=UTC))
    second = advise(dict(reversed(facts.items())), rules=RULES, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert first.id == second.id
    assert first.made_at != second.made_at
    assert advise(facts, rules=RULES, edition="phicookbook-3ec65311").id != first.id
    other = RULES.overlaid({"escalation.toml": RULES.read("escalation.toml") + b"\n"})
    assert advise(facts, rules=other).id != first.id


def test_a_review_that_is_due_is_said() -> None:
    decision = advise(SCENARIO | MEASURED, rules=RULES, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert {"ESC-080", "TGT-040", "TEC-020", "CAU-010"} <= {one.rule for one in decision.stale}
    assert advise(SCENARIO | MEASURED, rules=RULES, now=datetime(2026, 11, 21, tzinfo=UTC)).stale == []


@pytest.mark.parametrize(
    ("scenario", "technique", "original", "later"),
    [
        ("reduce-cost", {"peft", "dora"}, "lora", "lora"),
        ("reduce-memory", {"lora", "peft"}, "qlora", "lora"),
        ("fewer-parameters", {"lora"}, "qlora", "lora"),
        ("data-parallel", {"dora"}, "dora", None),
    ],
)
def test_the_disagreeing_cells_and_whether_they_change_the_answer(
    scenario: str, technique: set[str], original: str, later: str | None
) -> None:
    fits = {f"fit.{name}": "fits" for name in ("lora", "qlora", "dora")} | {"fit.full": "no", "gpu.count": 1}
    facts = SCENARIO | MEASURED | fits | {"scenario": [scenario], "fit.zero2": "no", "fit.zero3": "no"}
    for edition, expected in (("original", original), ("phicookbook-3ec65311", later)):
        decision = advise(facts, rules=RULES, edition=edition)
        assert decision.answer is not None
        assert decision.answer.technique == expected
        assert {one.technique for one in decision.editions_disagree} == technique
        assert {one.changes_answer for one in decision.editions_disagree} == {original != later}


def test_contradictions_are_all_named_with_the_nearest_way_out() -> None:
    with pytest.raises(TuneGateError) as raised:
        advise(HOSTED | {"artifact.needed": "weights"}, rules=RULES)
    assert (raised.value.code, raised.value.status, raised.value.exit_code) == ("contradictory_facts", 422, 2)
    (error,) = raised.value.errors
    assert "compute.managed_by" in error.where
    assert "artifact.needed = weights" in str(error.seen)
    assert "artifact.needed = hosted" in str(error.remedy)
    assert "compute.managed_by = us" in str(error.remedy)
    with pytest.raises(TuneGateError) as both:
        advise(HOSTED | {"artifact.needed": "onnx", "data.may_leave": False}, rules=RULES)
    assert len(both.value.errors) == 2
    assert all("compute.managed_by = us" in str(error.remedy) for error in both.value.errors)


def test_facts_that_contradict_each_other_do_not_matter_to_a_step_that_needs_no_target() -> None:
    decision = advise(HOSTED | {"artifact.needed": "onnx", "gap.kind": "none"}, rules=RULES)
    assert decision.answer is not None
    assert decision.answer.step == "keep-prompt"


def test_every_wrong_fact_is_reported_at_once_with_what_is_allowed() -> None:
    wrong: dict[str, Any] = {
        "gap.kin": "format", "gap.kind": "behavior", "eval.exists": "maybe", "data.rows": -1, "scenario": ["chatbo"],
        "gpu.vram_gib": "24 GB", "answer.grounded": None, "data.tokens_max": 1.5, "chosen.step": "fine-tune",
        "gpu.count": 10**400, "model.id": "a b", "model.tunable_until": "soon", "model.languages": [], "fit.lora": True,
    }  # fmt: skip
    with pytest.raises(TuneGateError) as raised:
        advise(wrong, rules=RULES)
    found = {error.where: error for error in raised.value.errors}
    assert set(found) == set(wrong)
    assert "'gap.kind'" in str(found["gap.kin"].remedy)
    assert "'behaviour'" in str(found["gap.kind"].remedy)
    assert "from 0" in str(found["data.rows"].allowed)
    assert "'chatbot'" in str(found["scenario"].remedy)
    assert "GiB per GPU" in str(found["gpu.vram_gib"].remedy)
    assert "Leave a fact out" in str(found["answer.grounded"].remedy)
    assert "YYYY-MM-DD" in str(found["model.tunable_until"].allowed)
    assert len(str(found["gpu.count"].seen)) < 80
    assert (raised.value.status, raised.value.exit_code) == (422, 2)


def test_an_unknown_edition_is_named() -> None:
    with pytest.raises(TuneGateError) as raised:
        advise({}, rules=RULES, edition="orignal")
    assert "'original'" in str(raised.value.errors[0].remedy)


def test_own_rules_are_laid_over_the_shipped_ones() -> None:
    own = RULES.read("escalation.toml").replace(b'"< 50"', b'"< 500"').replace(b'">= 50"', b'">= 500"')
    decision = advise(SCENARIO | MEASURED, rules=RULES.overlaid({"escalation.toml": own}))
    assert decision.answer is not None
    assert decision.answer.step == "collect-data"
    assert decision.rules_revision != RULES.revision


def test_every_option_that_was_passed_over_says_why() -> None:
    decision = advise(SCENARIO | MEASURED | {"fit.qlora": "fits", "scenario": ["fewer-parameters"]}, rules=RULES)
    passed = {one.option: one for one in decision.rejected}
    assert {"build-evaluation", "rag", "collect-data", "azure-openai", "kaito", "lora"} <= set(passed)
    assert passed["lora"].rule == "SCN-080"
    assert passed["lora"].failed_on is not None
    assert passed["lora"].failed_on.value == ["fewer-parameters"]
    assert passed["collect-data"].failed_on is not None
    assert (passed["collect-data"].failed_on.test, passed["collect-data"].failed_on.value) == ("< 50", 240)


def test_an_option_that_would_do_too_names_no_failure() -> None:
    decision = advise(SCENARIO | MEASURED | {"fit.qlora": "fits"}, rules=RULES)
    assert next(one for one in decision.rejected if one.option == "qlora").failed_on is None


def test_cautions_that_may_apply_say_when() -> None:
    decision = advise(SCENARIO | MEASURED, rules=RULES)
    perhaps = next(one for one in decision.cautions if one.rule == "CAU-100")
    assert perhaps.text.startswith("May also apply, if data.pii_findings is > 0: ")
    assert perhaps.severity == "low"
