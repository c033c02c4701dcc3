"""What does not combine is refused in the plan, all at once, with the reason and the way out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.launch.machine import Machine
from service.launch.parallel import process_count
from service.launch.peft_methods import methods
from service.launch.plan import choose
from service.launch.request import PlanChoices

RULES = rule_files()
CPU = Machine(device="cpu", capacity_gib=16.0, gpus=0)
GPU = Machine(device="A100-80GB", capacity_gib=80.0, gpus=1)
# a Llama of width 64: k_proj is the narrowest
SHAPES = {
    "model.embed_tokens": (330, 64),
    "model.layers.0.self_attn.q_proj": (64, 64),
    "model.layers.0.self_attn.k_proj": (32, 64),
    "model.layers.0.mlp.down_proj": (64, 96),
    "model.layers.0.input_layernorm": (64,),
    "lm_head": (330, 64),
}


def refused(technique: str, machine: Machine = CPU, shapes: Any = SHAPES, **changes: Any) -> list[ErrorItem]:
    """The items of the refusal; none when the plan is accepted."""
    wanted = {"model": "base", "technique": technique} | changes
    try:
        choose(msgspec.convert(wanted, PlanChoices), None, rules=RULES, machine=machine, shapes=shapes)
    except TuneGateError as error:
        return list(error.errors)
    return []


def adapter(**values: Any) -> dict[str, Any]:
    return {"hyperparameters": {"adapter": {"r": 8} | values}}


def peft(**values: Any) -> dict[str, Any]:
    return {"hyperparameters": {"peft": values}}


@pytest.mark.parametrize(
    ("technique", "changes"),
    [
        ("full", {}),
        ("full", {"outputs": {"onnx": []}}),
        ("lora", adapter(rslora=True, init="pissa", loraplus_ratio=16.0)),
        ("lora", adapter(init="olora", targets=["q_proj", "down_proj"])),
        ("dora", adapter(rslora=True)),
        ("qlora", adapter(loraplus_ratio=4.0)),
        ("qdora", adapter(r=32)),
        ("lora", {"outputs": {"onnx": []}}),
        ("peft", peft(peft_type="IA3")),
        ("peft", peft(peft_type="LORA", r=8, target_modules=r".*\.(q|k)_proj")),
        ("peft", peft(peft_type="LORA", r=8, target_modules="all-linear", task_type="CAUSAL_LM")),
        ("peft", peft(peft_type="PROMPT_TUNING") | {"outputs": {"onnx": []}}),
        ("peft", peft(peft_type="LN_TUNING", target_modules=["input_layernorm"])),
    ],
)
def test_what_combines_is_accepted(technique: str, changes: dict[str, Any]) -> None:
    assert refused(technique, **changes) == []


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("full", adapter(loraplus_ratio=4.0), "hyperparameters.adapter", "loraplus_ratio with technique full"),
    ("full", adapter(rslora=True, init="pissa"), "hyperparameters.adapter", "rslora, init with technique full"),
    ("full", peft(peft_type="IA3"), "hyperparameters.peft", "technique full"),
    ("qlora", adapter(init="pissa"), "hyperparameters.adapter.init", "pissa with technique qlora"),
    ("qdora", adapter(init="olora"), "hyperparameters.adapter.init", "olora with technique qdora"),
    ("dora", adapter(init="pissa"), "hyperparameters.adapter.init", "pissa with technique dora"),
    ("peft", {}, "hyperparameters.peft", "nothing"),
    (
        "peft",
        {"hyperparameters": {"adapter": {"r": 8}, "peft": {"peft_type": "IA3"}}},
        "hyperparameters.adapter",
        "peft",
    ),
    ("peft", peft(peft_type="lroa"), "hyperparameters.peft.peft_type", "lroa"),
    ("peft", peft(peft_type="XLORA"), "hyperparameters.peft.peft_type", "XLORA"),
    ("peft", peft(peft_type="IA3", target_module=["k_proj"]), "hyperparameters.peft.target_module", "unknown"),
    ("peft", peft(peft_type="IA3", task_type="SEQ_CLS"), "hyperparameters.peft.task_type", "SEQ_CLS"),
    ("peft", peft(peft_type="ADALORA", total_step=9), "hyperparameters.peft.total_step", "9"),
    ("peft", peft(peft_type="LORA", init_lora_weights="loftq"), "hyperparameters.peft.init_lora_weights", "loftq"),
    ("peft", peft(peft_type="LORA", init_lora_weights="eva"), "hyperparameters.peft.init_lora_weights", "eva"),
    ("peft", peft(peft_type="PREFIX_TUNING"), "outputs.onnx", "fp32 with PREFIX_TUNING"),
    ("peft", peft(peft_type="LILY"), "outputs.onnx", "fp32 with LILY"),
    ("peft", peft(peft_type="LORA", r=33), "hyperparameters.peft.r", "33, above"),
    ("peft", peft(peft_type="LORA", target_modules="q_proj"), "hyperparameters.peft.target_modules", "no module"),
    ("peft", peft(peft_type="LORA", target_modules="(q_proj"), "hyperparameters.peft.target_modules", "not a regular"),
    ("lora", adapter(targets=["q_prj"]), "hyperparameters.adapter.targets", "q_prj matches no module"),
    ("lora", adapter(r=33), "hyperparameters.adapter.r", "33, above the smallest side of"),
    ("lora", adapter(dropout=1.0), "hyperparameters.adapter.dropout", "1.0"),
    ("lora", adapter(loraplus_ratio=0.5), "hyperparameters.adapter.loraplus_ratio", "0.5"),
]


@pytest.mark.parametrize(("technique", "changes", "where", "seen"), REFUSED)
def test_what_does_not_combine_is_refused_with_what_would(
    technique: str, changes: dict[str, Any], where: str, seen: str
) -> None:
    (error,) = refused(technique, **changes)
    assert error.where == where
    assert seen in str(error.seen)
    assert error.allowed


@pytest.mark.parametrize(
    ("technique", "changes", "near"),
    [
        ("peft", peft(peft_type="ada_lora"), "'ADALORA'"),
        ("peft", peft(peft_type="ia3"), "'IA3'"),
        ("peft", peft(peft_type="IA3", feedforward_module=["x"]), "'feedforward_modules'"),
        ("lora", adapter(targets=["q_prj"]), "'q_proj'"),
    ],
)
def test_a_slip_gets_the_nearest_name(technique: str, changes: dict[str, Any], near: str) -> None:
    assert f"Did you mean {near}?" in str(refused(technique, **changes)[0].remedy)


def test_a_rank_counts_against_the_modules_that_carry_it() -> None:
    assert refused("lora", **adapter(r=64, targets=["q_proj"])) == []
    assert refused("lora", **adapter(r=64, targets=["q_proj", "k_proj"]))
    assert refused("lora", shapes={}, **adapter(r=64, targets=["anything"])) == []


def test_loftq_is_a_matter_of_the_machine() -> None:
    assert refused("peft", GPU, **peft(peft_type="LORA", init_lora_weights="loftq")) == []


def test_everything_is_said_at_once() -> None:
    changes = adapter(init="pissa", r=99, targets=["k_proj", "nothing"]) | {"outputs": {"onnx": ["fp16"]}}
    wheres = [error.where for error in refused("qlora", **changes)]
    assert wheres == [
        "hyperparameters.adapter.init",
        "outputs.onnx",
        "hyperparameters.adapter.targets",
        "hyperparameters.adapter.r",
    ]


def test_a_value_out_of_range_does_not_hide_what_does_not_combine() -> None:
    changes = {"hyperparameters": {"n_epochs": 0, "adapter": {"init": "pissa"}}}
    assert [error.where for error in refused("qlora", **changes)] == [
        "hyperparameters.n_epochs",
        "hyperparameters.adapter.init",
    ]


def test_an_expression_that_may_take_forever_is_left_to_the_trainer() -> None:
    assert refused("peft", **peft(peft_type="LORA", r=8, target_modules="(a+)+$")) == []


def test_every_method_says_whether_it_merges_and_why_it_cannot_be_trained() -> None:
    known = methods(RULES)
    assert {"LORA", "ADALORA", "IA3", "OFT", "VERA"} <= {name for name in known if known[name].merges}
    for name in ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"):
        assert not known[name].merges
        assert known[name].cannot is None


def test_several_machines_share_out_the_processes() -> None:
    two = msgspec.structs.replace(GPU, gpus=4, count=2)
    assert process_count(PlanChoices(model="base"), sharding="none", machine=two) == 4
    assert process_count(PlanChoices(model="base"), sharding="none", machine=GPU) == 1
    assert refused("lora", two, processes=2) == []
    [item] = refused("lora", two, processes=3)
    assert (item.where, item.seen) == ("processes", "3")
    assert str(item.allowed).startswith("a multiple of 2")
