"""Real steps of real tiny models, held against the formulas, and the meters that count them."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
import torch

from service.data import rule_files
from service.estimate.defaults import resolve
from service.estimate.hardware import hardware_table
from service.estimate.inputs import EstimateInputs
from service.estimate.notation import Case
from service.estimate.phases import phases
from service.models.architecture import read_architecture
from trainers.measured import Measurement, MeasurementQuestion
from trainers.measurement import meter as meters
from trainers.measurement.measure import measure
from trainers.measurement.meter import CpuMeter
from trainers.problems import TrainerError

CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 2000, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": False,
}  # fmt: skip


def measured(technique: str = "lora", *, config: dict[str, Any] = CONFIG, **changes: Any) -> Measurement:
    plain: dict[str, Any] = {
        "micro_batch": 2, "seq_len": 96, "base_dtype": "fp32", "attention": "eager", "place": "cpu", "padded": True,
    }  # fmt: skip
    return measure(MeasurementQuestion(config=config, technique=technique, **plain | changes))  # type: ignore[arg-type]


def formula(technique: str, micro_batch: int, seq_len: int) -> dict[str, int]:
    architecture = read_architecture(CONFIG, where="tiny")
    inputs = EstimateInputs(model="tiny", micro_batch=micro_batch, seq_len=seq_len)
    cpu = hardware_table(rule_files(None))["cpu"]
    run = resolve(inputs, technique, model=architecture, device=cpu, seq_len=seq_len).run
    return {phase.name: phase.bytes for phase in phases(Case(architecture, run))}


@pytest.mark.parametrize("technique", ["full", "lora", "dora", "prompt", "qlora"])
def test_what_is_allocated_is_what_the_formula_says(technique: str) -> None:
    found = measured(technique, shapes=((3, 96),), virtual_tokens=20)
    assert [(one.micro_batch, one.seq_len) for one in found.shapes] == [(2, 96), (3, 96)]
    for one in found.shapes:
        said = formula(technique, one.micro_batch, one.seq_len)
        top = max(one.phases, key=lambda name: one.phases[name].allocated)
        assert one.phases[top].allocated == pytest.approx(max(said.values()), rel=0.03)
        # what autograd holds at the loss and after it is exact; so are the phases' names
        for phase in ("loss", "end", "opt"):
            assert one.phases[phase].allocated == pytest.approx(said[phase], rel=0.03), phase
        assert set(said) - {"dora_fwd"} <= set(one.phases)
        assert all(peak.reserved is None for peak in one.phases.values())
    assert (found.device, found.context, found.out_of_memory, found.kernel) == ("cpu", None, None, None)
    assert {"torch", "transformers", "peft"} <= set(found.versions)


def test_the_tensors_themselves_are_counted() -> None:
    found = measured("qlora", kbit_prepare=True)
    plain = measured("lora")
    assert found.parameters == plain.parameters
    assert found.adapter == plain.adapter == 4 * plain.trained_parameters
    assert plain.weights == pytest.approx(4 * plain.parameters, rel=0.001)
    assert found.weights < plain.weights
    assert plain.optimizer == pytest.approx(2 * plain.adapter, rel=0.001)
    assert plain.loaded == pytest.approx(plain.weights + plain.adapter, rel=0.01)
    assert plain.load.allocated >= plain.loaded


def test_settings_reach_the_step() -> None:
    base = _peak(measured())
    assert _peak(measured(checkpointing=True)) < base
    assert _peak(measured(grad_accum=2, targets=["q_proj"], r=64)) != base
    half = measured(base_dtype="bf16", adapter_dtype="bf16")
    assert half.adapter == 2 * half.trained_parameters
    assert measured(attention="sdpa", padded=False).kernel in {"flash_attention", "math"}


def test_a_method_that_cannot_be_simulated_is_measured() -> None:
    found = measured("peft", peft={"peft_type": "LOHA"})
    assert 0 < found.trained_parameters < found.parameters
    assert _peak(found) > found.weights


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"optimizer": "adamw_paged_8bit"}, "target_cannot", "paged"),
        ({"targets": ["q_prj"]}, "target_cannot", "q_prj"),
        ({"config": {"model_type": "lama"}}, "unsupported_family", "'lama'"),
        ({"config": {"model_type": "bert"}}, "unsupported_family", "encoder"),
        ({"place": "cuda"}, "missing_gpu", "sees no GPU"),
    ],
)
def test_what_cannot_run_here_is_said_by_name(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: str, said: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(TrainerError) as raised:
        measured(**changes)
    assert raised.value.failure.code == code
    assert said in raised.value.failure.detail


def test_the_cpu_meter_counts_bytes_as_they_come_and_go() -> None:
    meter = CpuMeter()
    with meter.watching():
        before = meter.now()
        kept = torch.zeros(2**18)
        assert meter.now() - before == 2**20
        view = kept[: 2**10]
        assert meter.now() - before == 2**20
        meter.reset()
        doubled = kept * 2
        del doubled
        assert (meter.peak().allocated - before, meter.now() - before) == (2 * 2**20, 2**20)
        meter.reset()
        assert meter.peak().allocated - before == 2**20
        del kept, view
        assert meter.now() == before


def test_cuda_has_every_counter_that_is_read() -> None:
    """No machine of the tests has a GPU: at least no name is wrong, and each takes a device where one is given."""
    tree = ast.parse(inspect.getsource(meters))
    calls = {
        (node.func.attr, len(node.args))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "torch.cuda"
    }
    assert {name for name, _ in calls} >= {"max_memory_allocated", "max_memory_reserved", "mem_get_info"}
    for name, count in calls:
        inspect.signature(getattr(torch.cuda, name)).bind(*["cuda:0"] * count)


def _peak(found: Measurement) -> int:
    return max(peak.allocated for peak in found.shapes[0].phases.values())
