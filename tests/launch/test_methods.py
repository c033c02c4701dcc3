"""Plans of method dpo: their settings, their learning rates, and what does not combine."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.launch.hyperparameters import base_rate, resolve
from service.launch.machine import Machine
from service.launch.plan import choose
from service.launch.request import PlanChoices
from service.launch.targets.capabilities import capabilities
from trainers.contract import Dpo

RULES = rule_files()
CPU = Machine(device="cpu", capacity_gib=16.0, gpus=0)


def wanted(technique: str = "lora", **changes: Any) -> PlanChoices:
    return msgspec.convert({"model": "base", "technique": technique, "method": "dpo"} | changes, PlanChoices)


def refused(technique: str = "lora", **changes: Any) -> list[ErrorItem]:
    try:
        choose(wanted(technique, **changes), None, rules=RULES, machine=CPU)
    except TuneGateError as error:
        return list(error.errors)
    return []


def values(**settings: Any) -> dict[str, Any]:
    return {"hyperparameters": settings}


@pytest.mark.parametrize(
    ("technique", "changes"),
    [
        ("full", {}),
        ("lora", values(dpo={"beta": 0.3, "label_smoothing": 0.1, "sft_weight": 1.0})),
        ("dora", {}),
        ("qlora", {}),
        ("qdora", {}),
        ("peft", values(peft={"peft_type": "IA3"})),
        ("lora", {"sharding": "zero2", "processes": 2}),
    ],
)
def test_what_combines_with_preferences_is_accepted(technique: str, changes: dict[str, Any]) -> None:
    assert refused(technique, **changes) == []


@pytest.mark.parametrize(
    ("technique", "changes", "where", "seen"),
    [
        ("lora", values(packing=True), "hyperparameters.packing", "true with method dpo"),
        ("lora", {"sharding": "zero3", "processes": 2}, "sharding", "zero3 with method dpo"),
        ("lora", {"sharding": "zero3-offload", "processes": 2}, "sharding", "zero3-offload with method dpo"),
        ("peft", values(peft={"peft_type": "ADALORA"}), "hyperparameters.peft", "AdaLoRA with method dpo"),
        ("lora", values(dpo={}) | {"method": "sft"}, "hyperparameters.dpo", "settings with method sft"),
        ("lora", values(dpo={"beta": 0.0}), "hyperparameters.dpo.beta", "0.0"),
        ("lora", values(dpo={"label_smoothing": 0.5}), "hyperparameters.dpo.label_smoothing", "0.5"),
        ("lora", values(dpo={"sft_weight": -1.0}), "hyperparameters.dpo.sft_weight", "-1.0"),
    ],
)
def test_what_does_not_is_refused_with_what_would(
    technique: str, changes: dict[str, Any], where: str, seen: str
) -> None:
    (error,) = refused(technique, **changes)
    assert (error.where, error.seen) == (where, seen)
    assert error.allowed


@pytest.mark.parametrize("technique", capabilities(RULES)["local"].techniques)
def test_every_technique_has_a_lower_rate_for_preferences_with_its_source(technique: str) -> None:
    for params in (2_000_000, 7_000_000_000):
        rates = [base_rate(RULES, technique=technique, params=params, objective=one) for one in ("sft", "dpo")]
        assert rates[1].rate < rates[0].rate
        assert rates[1].source
        assert "TODO" not in rates[1].source


def test_settings_that_nobody_gave_are_chosen_and_said() -> None:
    made, chosen = resolve(
        wanted().hyperparameters, rules=RULES, technique="lora", params=None, seed_from="", objective="dpo"
    )
    assert made.dpo == Dpo(beta=0.1)
    assert {one.name: one.value for one in chosen}["dpo.beta"] == 0.1
    given = wanted(**values(dpo={"beta": 0.5})).hyperparameters
    made, chosen = resolve(given, rules=RULES, technique="lora", params=None, seed_from="", objective="dpo")
    assert made.dpo == Dpo(beta=0.5)
    assert "dpo.beta" not in {one.name for one in chosen}
    plain, _ = resolve(wanted().hyperparameters, rules=RULES, technique="lora", params=None, seed_from="")
    assert plain.dpo is None
