"""How the arithmetic is done: what a device gets that nobody asked for, and what it is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.launch.compute import ComputeRequest, resolve_compute
from service.launch.machine import Machine
from service.launch.plan import choose
from service.launch.request import PlanChoices
from trainers.contract import Compute

RULES = rule_files()
CPU = Machine(device="cpu", capacity_gib=16.0, gpus=0)
H100 = Machine(device="NVIDIA H100 80GB HBM3", capacity_gib=80.0, gpus=1, capability=9.0)
T4 = Machine(device="Tesla T4", capacity_gib=15.0, gpus=1, capability=7.5)


def refused(machine: Machine, technique: str = "lora", **changes: Any) -> list[ErrorItem]:
    wanted = {"model": "base", "technique": technique} | changes
    try:
        choose(msgspec.convert(wanted, PlanChoices), None, rules=RULES, machine=machine)
    except TuneGateError as error:
        return list(error.errors)
    return []


def resolved(machine: Machine, technique: str, **wanted: Any) -> Compute:
    return resolve_compute(ComputeRequest(**wanted), technique=technique, machine=machine)[0]


def test_a_cpu_computes_plainly_and_nothing_is_said_about_it() -> None:
    values, choices = resolve_compute(ComputeRequest(), technique="lora", machine=CPU)
    assert values == Compute()
    assert not choices


@pytest.mark.parametrize(
    ("machine", "technique", "base", "autocast"),
    [
        (H100, "lora", "bf16", "bf16"),
        (H100, "qlora", "bf16", "bf16"),
        (H100, "full", "fp32", "bf16"),
        (T4, "lora", "fp16", "fp16"),
        (T4, "full", "fp32", "fp16"),
    ],
)
def test_a_gpu_gets_the_16_bit_type_that_it_has(machine: Machine, technique: str, base: str, autocast: str) -> None:
    values, choices = resolve_compute(ComputeRequest(), technique=technique, machine=machine)
    assert (values.base_dtype, values.autocast) == (base, autocast)
    assert (values.attention, values.checkpointing, values.optimizer) == ("sdpa", True, "adamw")
    assert all(f"{machine.capability:g}" in choice.why for choice in choices)
    assert not refused(machine, technique)


def test_what_was_asked_for_is_no_choice_of_ours() -> None:
    values, choices = resolve_compute(ComputeRequest(checkpointing=False), technique="lora", machine=H100)
    assert values.checkpointing is False
    assert "compute.checkpointing" not in {choice.name for choice in choices}


@pytest.mark.parametrize(
    ("machine", "technique", "wanted", "where"),
    [
        (CPU, "lora", {"attention": "flash"}, {"attention"}),
        (CPU, "lora", {"liger": True}, {"liger"}),
        (CPU, "lora", {"optimizer": "adamw_paged_8bit"}, {"optimizer"}),
        (CPU, "lora", {"autocast": "fp16", "base_dtype": "fp16"}, {"autocast", "base_dtype"}),
        (T4, "lora", {"autocast": "bf16", "base_dtype": "bf16", "attention": "flash"},
         {"autocast", "base_dtype", "attention"}),
        (H100, "lora", {"attention": "flash", "autocast": "none"}, {"attention"}),
        (H100, "lora", {"autocast": "none", "base_dtype": "bf16"}, {"base_dtype"}),
        (H100, "full", {"base_dtype": "bf16"}, {"base_dtype"}),
    ],
)  # fmt: skip
def test_what_a_device_or_technique_cannot_do_is_refused_all_at_once(
    machine: Machine, technique: str, wanted: dict[str, Any], where: set[str]
) -> None:
    items = refused(machine, technique, compute=wanted)
    assert {item.where for item in items} == {f"compute.{name}" for name in where}
    assert all(item.allowed and item.remedy for item in items)


@pytest.mark.parametrize(
    "changes",
    [
        {"sharding": "zero2", "processes": 2},
        {"hyperparameters": {"adapter": {"r": 8, "loraplus_ratio": 4.0}}},
    ],
)
def test_an_8_bit_optimizer_needs_the_place_for_itself(changes: dict[str, Any]) -> None:
    items = refused(CPU, compute={"optimizer": "adamw_8bit"}, **changes)
    assert [item.where for item in items] == ["compute.optimizer"]


def test_what_lives_in_the_cache_is_not_computed_again() -> None:
    prefix: dict[str, Any] = {"hyperparameters": {"peft": {"peft_type": "PREFIX_TUNING"}}, "outputs": {"onnx": []}}
    chosen, _ = resolve_compute(ComputeRequest(), technique="peft", machine=H100, peft_type="PREFIX_TUNING")
    assert (chosen.autocast, chosen.checkpointing) == ("bf16", False)
    assert not refused(H100, "peft", **prefix)
    items = refused(CPU, "peft", compute={"checkpointing": True}, **prefix)
    assert [item.where for item in items] == ["compute.checkpointing"]


def test_the_base_follows_the_autocast_that_was_asked_for() -> None:
    assert resolved(H100, "lora", autocast="fp16").base_dtype == "fp16"
    assert resolved(H100, "lora", autocast="none").base_dtype == "fp32"


def test_a_library_that_is_not_here_is_named_with_its_package() -> None:
    items = refused(H100, compute={"attention": "flash", "liger": True})
    assert {item.where: item.remedy for item in items} == {
        "compute.attention": "pip install flash-attn",
        "compute.liger": "pip install liger-kernel",
    }


@pytest.mark.parametrize("wanted", [{"attention": "sdpa"}, {"checkpointing": True}, {"optimizer": "adamw_8bit"},
                                    {"base_dtype": "bf16", "autocast": "bf16"}])  # fmt: skip
def test_a_cpu_does_what_it_can(wanted: dict[str, Any]) -> None:
    assert not refused(CPU, compute=wanted)
    assert resolved(CPU, "lora", **wanted) == Compute(**wanted)
