"""Plans: what blocks them, what lifts a blocker, what is refused, and what their id is made of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.launch.blockers import require_launchable
from service.launch.hyperparameters import largest_divisor
from service.launch.machine import Machine
from service.launch.plan import PlannedModel, PlanParts, build_plan
from service.launch.request import HyperparameterRequest, PlanChoices
from service.launch.targets.capabilities import capabilities
from service.records.decision import Answer, Decision
from service.records.estimate import Estimate, Peak
from service.records.lint_report import Finding, LintedFile, LintReport, Summary
from service.settings import load_settings
from trainers.contract import DatasetRef, Override, TrainPlan

RULES = rule_files()
MACHINE = Machine(device="cpu", capacity_gib=16.0, gpus=0)
CHOICES = PlanChoices(model="base", technique="lora")
HELD = DatasetRef(path="validation.jsonl", sha256="v" * 64)


def report(*rules: str) -> LintReport:
    return LintReport(
        id="l" * 64,
        rules_revision="r" * 64,
        target="local",
        method="sft",
        model=None,
        files=[LintedFile("train.jsonl", "train", "s" * 64, 10, 1)],
        verdict="fail" if rules else "pass",
        summary=Summary(len(rules), 0, 0),
        counts=dict.fromkeys(rules, 1),
        findings=[Finding(rule, "error", "train.jsonl", 1, 0, "", "message") for rule in rules],
        truncated={},
        facts={},
        not_scanned=[],
    )


def estimate(total_gib: float) -> Estimate:
    return Estimate(
        id="e" * 64,
        model="base",
        technique="lora",
        inputs={},
        peak=Peak(total_gib, total_gib, total_gib, 0.0, total_gib, total_gib),
        host_ram_gib=0.0,
        phase="loss",
        phases={},
        breakdown=[],
        fits=[],
        evidence="formula",
        validated=False,
        assumptions={},
    )


def decision(answer: Answer | None) -> Decision:
    names = "editions_disagree facts because rejected would_change cautions unknown stale overrides"
    empty: dict[str, Any] = {name: [] for name in names.split()}
    return Decision(id="d" * 64, made_at="now", rules_revision="r" * 64, edition="original", answer=answer, **empty)


def plan(choices: PlanChoices = CHOICES, **parts: Any) -> TrainPlan:
    defaults: dict[str, Any] = {
        "decision": None,
        "report": report(),
        "estimate": estimate(1.0),
        "model": PlannedModel("base", 1_000_000, "f" * 64, is_path=True),
        "dataset": DatasetRef(path="train.jsonl", sha256="s" * 64),
        "validation": HELD,
    }
    return build_plan(choices, PlanParts(**defaults | parts), rules=RULES, machine=MACHINE, settings=load_settings({}))


def codes(made: TrainPlan) -> list[str]:
    return [blocker.code for blocker in made.blockers]


def test_clean_data_that_fits_is_not_blocked() -> None:
    made = plan()
    assert codes(made) == []
    require_launchable(made)


def test_lint_errors_and_findings_of_secrets_block_apart() -> None:
    assert codes(plan(report=report("R030", "S010"))) == ["lint_errors", "pii_findings"]


def test_a_run_that_does_not_fit_is_blocked_with_both_numbers() -> None:
    made = plan(estimate=estimate(40.0))
    assert codes(made) == ["does_not_fit"]
    assert "40.0 GiB" in made.blockers[0].detail
    assert "16.0 GiB" in made.blockers[0].detail


def test_an_override_lifts_its_blocker_and_stays_in_the_plan() -> None:
    override = Override("lint_errors", "the vendor accepts it")
    made = plan(msgspec.structs.replace(CHOICES, overrides=[override]), report=report("R030"))
    assert codes(made) == []
    assert made.overrides == [override]
    assert made.id != plan(report=report("R030")).id


def test_a_blocked_plan_does_not_launch() -> None:
    with pytest.raises(TuneGateError) as raised:
        require_launchable(plan(report=report("R030")))
    assert (raised.value.code, raised.value.status, raised.value.exit_code) == ("plan_blocked", 409, 1)


def test_the_decision_names_technique_and_target() -> None:
    answer = Answer(step="fine-tune", technique="lora", sharding="none", target="local")
    made = plan(PlanChoices(model="base"), decision=decision(answer))
    assert (made.technique, made.target, made.decision) == ("lora", "local", "d" * 64)


@pytest.mark.parametrize("answer", [None, Answer(step="rag")])
def test_without_a_tuning_decision_nothing_is_guessed(answer: Answer | None) -> None:
    with pytest.raises(TuneGateError) as raised:
        plan(PlanChoices(model="base"), decision=decision(answer))
    assert raised.value.code == "invalid_input"


@pytest.mark.parametrize(
    "choices",
    [
        {"technique": "provider-managed"},
        {"target": "azure-openai", "outputs": {"onnx": []}},
        {"sharding": "zero3", "processes": 1},
        {"offload_optimizer": True},
        {"processes": 2, "hyperparameters": {"batch_size": 3}},
        {"outputs": {"onnx": ["fp16"]}},
        {"outputs": {"onnx": ["fp32"], "provider": "dml"}},
    ],
)
def test_what_the_target_cannot_do_is_refused_with_what_it_can(choices: dict[str, Any]) -> None:
    wanted = msgspec.convert({"model": "base", "technique": "lora"} | choices, PlanChoices)
    with pytest.raises(TuneGateError) as raised:
        plan(wanted)
    assert (raised.value.code, raised.value.status) == ("target_cannot", 422)


@pytest.mark.parametrize(("precision", "provider"), [("fp16", "cuda"), ("int8", "cuda"), ("fp16", "dml")])
def test_a_gpu_s_precision_is_planned_for_that_gpu(precision: str, provider: str) -> None:
    outputs = {"onnx": [precision], "provider": provider}
    wanted = msgspec.convert({"model": "base", "technique": "lora", "outputs": outputs}, PlanChoices)
    assert msgspec.to_builtins(plan(wanted).outputs) == outputs


def test_every_unusable_value_is_reported_at_once() -> None:
    wanted = msgspec.convert(
        {
            "model": "base",
            "technique": "lorra",
            "target": "locl",
            "overrides": [{"code": "lint_error", "reason": " "}],
            "hyperparameters": {"n_epochs": 0, "batch_size": 8, "micro_batch": 3, "learning_rate": 1.0}
            | {"learning_rate_multiplier": 1.0},
        },
        PlanChoices,
    )
    with pytest.raises(TuneGateError) as raised:
        plan(wanted)
    wheres = [error.where for error in raised.value.errors]
    assert wheres == [
        "technique",
        "target",
        "hyperparameters.n_epochs",
        "hyperparameters",
        "hyperparameters.micro_batch",
        "overrides.code",
        "overrides.lint_error",
    ]
    assert "'lora'" in str(raised.value.errors[0].remedy)


def test_the_plan_id_does_not_depend_on_where_files_lie() -> None:
    moved = plan(
        dataset=DatasetRef(path="/elsewhere/t.jsonl", sha256="s" * 64),
        model=PlannedModel("/elsewhere/base", 1_000_000, "f" * 64, is_path=True),
    )
    assert moved.id == plan().id
    assert moved.id != plan(dataset=DatasetRef(path="train.jsonl", sha256="t" * 64)).id


def test_a_seed_that_nobody_gave_is_generated_and_recorded_with_its_reason() -> None:
    made, other = plan(), plan(dataset=DatasetRef(path="train.jsonl", sha256="t" * 64))
    assert made.hyperparameters.seed == plan().hyperparameters.seed != other.hyperparameters.seed
    chosen = {one.name: one for one in made.choices}
    assert chosen["seed"].value == made.hyperparameters.seed
    assert "generated" in chosen["seed"].why
    given = msgspec.convert({"model": "base", "technique": "lora", "hyperparameters": {"seed": 7}}, PlanChoices)
    assert plan(given).hyperparameters.seed == 7
    assert "seed" not in {one.name for one in plan(given).choices}


def test_every_automatic_choice_stands_in_the_plan_and_nothing_else() -> None:
    given = {
        "batch_size": 4, "micro_batch": 2, "learning_rate": 1e-3, "n_epochs": 1, "seed": 1, "warmup_ratio": 0.0,
        "weight_decay": 0.0, "max_grad_norm": 1.0, "adapter": {"r": 4}, "keep": "last", "overlong": "refuse",
            "packing": False,
    }  # fmt: skip
    wanted = {"model": "base", "technique": "lora", "target": "local", "hyperparameters": given}
    assert plan(msgspec.convert(wanted, PlanChoices)).choices == []
    names = {one.name for one in plan(PlanChoices(model="base", technique="lora")).choices}
    assert names == {*given, "target"}
    answer = Answer(step="fine-tune", technique="dora", sharding="none", target="local")
    decided = plan(PlanChoices(model="base"), decision=decision(answer))
    assert ("technique", "dora", f"decision {'d' * 12}") in [(o.name, o.value, o.why) for o in decided.choices]


@pytest.mark.parametrize("technique", capabilities(RULES)["local"].techniques)
def test_every_technique_has_a_base_rate_with_its_source(technique: str) -> None:
    peft = {"peft": {"peft_type": "IA3"}} if technique == "peft" else {}
    for params in (1_000_000, 7_000_000_000, 70_000_000_000):
        made = plan(
            msgspec.convert({"model": "base", "technique": technique, "hyperparameters": peft}, PlanChoices),
            model=PlannedModel("base", params, "f" * 64, is_path=True),
        )
        (rate,) = [one for one in made.choices if one.name == "learning_rate"]
        assert rate.value == made.hyperparameters.learning_rate > 0
        assert "; " in rate.why
        assert (made.hyperparameters.adapter is None) == (technique in {"full", "peft"})


def test_the_learning_rate_is_the_base_rate_times_the_multiplier() -> None:
    wanted = msgspec.convert(
        {"model": "base", "technique": "lora", "hyperparameters": {"learning_rate_multiplier": 0.5}}, PlanChoices
    )
    values = plan(wanted).hyperparameters
    assert values.learning_rate == pytest.approx(values.base_learning_rate * 0.5)
    assert values.base_learning_rate == plan().hyperparameters.learning_rate


@given(st.integers(1, 500), st.integers(1, 64))
def test_the_micro_batch_divides_the_batch(batch: int, limit: int) -> None:
    micro = largest_divisor(batch, limit)
    assert batch % micro == 0
    assert 1 <= micro <= limit


def test_settings_that_rest_on_a_validation_loss_need_validation_data() -> None:
    wanted = HyperparameterRequest(early_stopping=2, eval_steps=10, keep="best", save_steps=5)
    choices = msgspec.structs.replace(CHOICES, hyperparameters=wanted)
    with pytest.raises(TuneGateError) as raised:
        plan(choices, validation=None)
    assert raised.value.code == "invalid_input"
    assert [error.where.rpartition(".")[2] for error in raised.value.errors] == ["early_stopping", "eval_steps", "keep"]
    values = plan(choices).hyperparameters
    assert (values.early_stopping, values.eval_steps, values.keep, values.save_steps) == (2, 10, "best", 5)
    assert plan(CHOICES).hyperparameters.keep == "last"
