"""ZeRO and data parallelism: the estimate against what DeepSpeed really allocates, and what must always hold."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.estimate.evidence import CONFIRMED
from service.estimate.inputs import EstimateInputs
from service.estimate.notation import Case, Run
from service.estimate.phases import peak, phases
from service.estimate.sharding import device_state, host_bytes
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue
from service.records.estimate import Estimate
from service.settings import load_settings
from service.verbs.estimate import estimate
from trainers.contract import ZERO_SIZES, DatasetRef, Hyperparameters, TrainPlan, ZeroSizes
from trainers.sharding.settings import deepspeed_settings

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MODELS = ("smollm2-135m", "qwen2.5-0.5b", "llama-3.2-1b", "phi-3-mini-4k", "llama-3.1-8b")
STAGES = (1, 2, 3)
RULES, SETTINGS = rule_files(), load_settings()


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("zero_accuracy", BENCHMARKS / "zero_accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


accuracy = load()
# a full model and adapters, gradients and weights sharded, state and weights in host memory
RUN = {
    name: accuracy.groups()[group][name]
    for group, name in (
        ("full-small", "zero2-full-small"),
        ("lora", "zero3-lora"),
        ("offload", "zero3-full-offload-all"),
    )
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What lived in two processes that trained under DeepSpeed."""
    found: dict[str, dict[str, Any]] = accuracy.measure(RUN, tmp_path_factory.mktemp("zero"))
    return found


@pytest.mark.parametrize("name", RUN)
def test_peak_and_host_are_what_deepspeed_allocates(name: str, measured: dict[str, dict[str, Any]]) -> None:
    rows = accuracy.compared(RUN[name], measured[name])
    assert {"forward", "backward", "step", "peak"} <= rows.keys()
    for what in ("forward", "backward", "peak", *(["host"] if "host" in rows else [])):
        real, predicted = rows[what]
        assert real > 1_000_000
        assert predicted == pytest.approx(real, rel=0.03), what


@pytest.mark.parametrize("name", RUN)
def test_the_state_of_a_process_is_what_deepspeed_keeps(name: str, measured: dict[str, dict[str, Any]]) -> None:
    state, terms = device_state(accuracy.estimated(RUN[name])), measured[name]["step"]["terms"]
    expected = {"weights": state.weights + state.adapter, "optimizer": state.optimizer, "gradients": state.gradients}
    for term, size in expected.items():
        # allocations are multiples of 512 bytes
        assert size == pytest.approx(terms.get(term, 0), rel=0.03, abs=10_000), term


def test_every_confirmed_combination_has_its_row_in_the_results() -> None:
    text = (BENCHMARKS / "results" / "zero_accuracy.txt").read_text()
    errors = {name: list(map(float, re.findall(r"(?:peak|host) ([+-][\d.]+) %", line)))
              for name, line in re.findall(r"^[\w-]+/([\w-]+): (.*)$", text, re.MULTILINE)}  # fmt: skip
    worst: dict[tuple[str, str | None, int, str], float] = {}
    for cases in accuracy.groups().values():
        for name, case in cases.items():
            combination = _combination(accuracy.complete(case))
            worst[combination] = max(worst.get(combination, 0.0), *map(abs, errors[name]))
    assert {combination for combination, error in worst.items() if error <= 3} == CONFIRMED


def _combination(case: dict[str, Any]) -> tuple[str, str | None, int, str]:
    if case["sharding"] == "none":
        return case["technique"], None, 0, "nothing"
    whole = case["sharding"] == "zero3-offload"
    offload = "optimizer and weights" if whole else "optimizer" if case["offload_optimizer"] else "nothing"
    kind = "fp32" if case["autocast"] == "none" else case["autocast"]
    return case["technique"], kind, int(case["sharding"][4]), offload


@st.composite
def cases(draw: st.DrawFn) -> Case:
    model = draw(st.sampled_from(MODELS))
    stage, half = draw(st.sampled_from(STAGES)), draw(st.booleans())
    run = Run(
        technique=draw(st.sampled_from(("full", "lora", "qlora", "dora"))),
        micro_batch=draw(st.integers(1, 8)),
        seq_len=draw(st.integers(1, 4096)),
        weight_bytes=2 if half else 4,
        adapter_bytes=2 if half else 4,
        zero_half="bf16" if half else None,
        adapter_r=draw(st.sampled_from((8, 16, 64))),
        checkpointing=draw(st.booleans()),
        accumulates=draw(st.booleans()),
        optimizer="adamw_fused",
        zero_stage=stage,
        gpus=draw(st.integers(2, 8)),
        zero_sizes=draw(st.sampled_from((ZERO_SIZES, ZeroSizes(reduce=20_000_000, live=100_000_000)))),
    )
    return Case(read_architecture(catalogue(RULES)[model].config, where=model), run)


def with_run(case: Case, **changes: Any) -> Case:
    return Case(case.model, msgspec.structs.replace(case.run, **changes))


@settings(deadline=None, max_examples=40)
@given(cases(), st.integers(1, 60))
def test_more_devices_never_need_more_each(case: Case, more: int) -> None:
    assert peak(with_run(case, gpus=case.run.gpus + more)).bytes <= peak(case).bytes


@pytest.mark.parametrize("name", ["qwen3-4b", "llama-3.2-1b"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_second_device_never_needs_more_of_each_where_gradients_go_to_the_host(name: str, stage: int) -> None:
    model = read_architecture(catalogue(RULES)[name].config, where=name)
    run = Run(technique="lora", micro_batch=1, seq_len=16, adapter_bytes=2, checkpointing=True, zero_stage=stage,
              offload_optimizer=True, zero_half="bf16")  # fmt: skip
    sizes = [peak(Case(model, msgspec.structs.replace(run, gpus=gpus))).bytes for gpus in (1, 2, 3, 4, 8)]
    assert sizes == sorted(sizes, reverse=True)


def test_where_more_sharding_or_a_larger_adapter_can_turn_out_otherwise_is_said() -> None:
    texts = {stage: " ".join(one(techniques=["dora"], zero={"stage": stage}).assumptions["notes"]) for stage in STAGES}
    assert ["prefetch" in texts[stage] for stage in STAGES] == [False, False, True]
    assert ["ZeRO-1 after it" in texts[stage] for stage in STAGES] == [False, True, False]


@settings(deadline=None, max_examples=40)
@given(cases())
def test_a_higher_stage_never_keeps_more_and_offload_never_needs_more_of_the_device(case: Case) -> None:
    one, two, three = (device_state(with_run(case, zero_stage=stage)) for stage in STAGES)
    for field in ("weights", "adapter", "optimizer", "gradients"):
        assert getattr(one, field) >= getattr(two, field) >= getattr(three, field)
    offloaded = with_run(case, offload_optimizer=True)
    assert peak(offloaded).bytes <= peak(case).bytes
    assert host_bytes(offloaded) > host_bytes(case) == 0
    if case.run.zero_stage == 3:
        whole = with_run(offloaded, offload_params=True)
        assert peak(whole).bytes <= peak(offloaded).bytes
        assert host_bytes(whole) > host_bytes(offloaded)


@settings(deadline=None, max_examples=30)
@given(cases(), st.integers(1, 512))
def test_more_tokens_never_need_less(case: Case, more: int) -> None:
    assert peak(with_run(case, seq_len=case.run.seq_len + more)).bytes >= peak(case).bytes


def test_no_more_is_gathered_than_there_is_and_than_is_allowed() -> None:
    for name in ("llama-3.2-1b", "llama-3.1-8b"):
        model = read_architecture(catalogue(RULES)[name].config, where=name)
        case = Case(model, Run(technique="full", micro_batch=1, seq_len=8, zero_stage=3, gpus=4, zero_half="bf16"))
        (forward,) = [phase for phase in phases(case) if phase.name == "fwd"]
        size = next(part.bytes for part in forward.parts if part.term == "gathered_weights")
        vocabulary = case.head_elements
        # what may be live, what was begun when there was room for a little, and the bucket that it is copied out of
        allowed = min(case.parameters, ZERO_SIZES.live + vocabulary) + ZERO_SIZES.prefetch + vocabulary
        assert ZERO_SIZES.live * case.w <= size <= allowed * case.w


def one(**changes: Any) -> Estimate:
    given = {"techniques": ["lora"], "gpu": "L40S-48GB", "gpus": 2, "checkpointing": True, "autocast": "bf16"}
    inputs = msgspec.convert({"model": "llama-3.2-1b"} | given | changes, EstimateInputs)
    (made,) = estimate(inputs, rules=RULES, settings=SETTINGS)
    return made


def test_what_was_confirmed_is_validated_and_says_what_was_not_measured() -> None:
    made = one(zero={"stage": 2})
    assert made.validated is True
    assert made.assumptions["unvalidated"] == []
    (note,) = [text for text in made.assumptions["notes"] if "confirmed" in text]
    assert "ZeRO-2 with lora: confirmed against DeepSpeed 0.19.8" in note
    assert "communication on GPUs" in note


@pytest.mark.parametrize(
    "change",
    [
        {"techniques": ["dora"], "zero": {"stage": 2}},
        {"autocast": "fp16", "zero": {"stage": 2}},
        {"optimizer": "adamw_8bit", "zero": {"stage": 2}},
        {"gpus": 1, "zero": {"stage": 2}},
        {"techniques": ["qlora"], "zero": {"stage": 0}},
    ],
)
def test_what_was_not_confirmed_is_not_validated(change: dict[str, Any]) -> None:
    made = one(**change)
    assert made.validated is False
    assert any("DeepSpeed's source only" in reason for reason in made.assumptions["unvalidated"])


@pytest.mark.parametrize("sharding", ["zero1", "zero2", "zero3", "zero3-offload"])
def test_the_trainer_tells_deepspeed_the_sizes_that_are_estimated(sharding: str) -> None:
    plan = TrainPlan(
        id="p", decision=None, lint_report=None, estimate=None, target="local", model="m", model_fingerprint=None,
        technique="full", sharding=sharding, dataset=DatasetRef(sha256="0"), validation=None, processes=2,
        hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
    )  # fmt: skip
    told = (deepspeed_settings(plan) or {})["zero_optimization"]
    assert told["reduce_bucket_size"] == ZERO_SIZES.reduce
    if sharding.startswith("zero3"):
        assert told["stage3_max_live_parameters"] == ZERO_SIZES.live
        assert told["stage3_param_persistence_threshold"] == ZERO_SIZES.persistence


def test_the_bucket_of_gradients_is_there_however_little_is_trained() -> None:
    made = one(zero={"stage": 3})
    (communication,) = [term.gib for term in made.breakdown if term.term == "communication"]
    assert communication >= round(2 * ZERO_SIZES.reduce / 2**30, 6)
