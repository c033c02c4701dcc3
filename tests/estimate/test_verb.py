"""The estimate verb: defaults, verdicts, ids, and every unusable input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.estimate.defaults import settings_of
from service.estimate.hardware import hardware_table
from service.estimate.inputs import DEFAULT_TECHNIQUES, TECHNIQUES
from service.launch.compute import ComputeRequest, resolve_compute
from service.launch.machine import Machine
from service.records.estimate import NOT_IN_ID, Estimate, EstimateSet
from service.records.identity import record_id
from service.records.lint_report import LintReport, Summary
from service.settings import load_settings
from service.verbs.estimate import EstimateInputs, answer, estimate, read_inputs
from service.verbs.models import ModelFilter, hardware, models

RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})


def ask(report: LintReport | None = None, **raw: Any) -> list[Estimate]:
    values = {"model": "llama-3.2-1b", **raw}
    return estimate(read_inputs(values), rules=RULES, settings=SETTINGS, report=report)


def one(**raw: Any) -> Estimate:
    (found,) = ask(**raw)
    return found


def refused(**raw: Any) -> TuneGateError:
    with pytest.raises(TuneGateError) as caught:
        ask(**raw)
    return caught.value


def lint_report(**facts: Any) -> LintReport:
    return LintReport(
        id="f" * 64, rules_revision="r", target="local", method="sft", model=None, files=[], verdict="pass",
        summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, facts=facts, not_scanned=[],
    )  # fmt: skip


def test_no_technique_means_all_and_one_gives_the_object() -> None:
    found = ask()
    assert [made.technique for made in found] == list(DEFAULT_TECHNIQUES)
    assert isinstance(answer(found), EstimateSet)
    assert isinstance(answer(ask(techniques=["lora"])), Estimate)


def test_no_gpu_judges_every_row_of_the_table_with_the_cpu() -> None:
    made = one(techniques=["lora"], gpus=4)
    assert [fit.gpu for fit in made.fits] == list(hardware_table(RULES))
    assert made.fits[-1].gpu == "cpu"
    assert {fit.count for fit in made.fits} == {4}


def test_the_three_verdicts_follow_the_two_totals() -> None:
    made = one(techniques=["full"], seq_len=512)
    capacity = {row.id: row.capacity_gib for row in hardware(rules=RULES)}
    for fit in made.fits[:-1]:
        alone = one(techniques=["full"], seq_len=512, gpu=fit.gpu)
        p50, p90 = alone.peak.total_p50_gib, alone.peak.total_p90_gib
        expected = "fits" if p90 <= capacity[fit.gpu] else "tight" if p50 <= capacity[fit.gpu] else "no"
        assert (fit.verdict, fit.headroom_gib) == (expected, pytest.approx(capacity[fit.gpu] - p90, abs=2e-6))


def test_the_defaults_are_said_and_those_given_are_not() -> None:
    made = one(techniques=["lora"], seq_len=100, adapter={"r": 4})
    assert {"micro_batch", "adapter.targets", "checkpointing"} <= set(made.assumptions["defaults"])
    assert not {"seq_len", "adapter.r"} & set(made.assumptions["defaults"])
    assert made.inputs["adapter"]["r"] == 4


def test_the_cpu_runs_in_fp32_without_autocast_checkpointing_or_context() -> None:
    made = one(techniques=["lora"], gpu="cpu")
    assert (made.inputs["base_dtype"], made.inputs["autocast"]) == ("fp32", "none")
    assert made.inputs["checkpointing"] is False
    assert made.peak.context_gib == 0
    assert made.host_ram_gib == made.peak.total_p90_gib
    assert made.validated is False


def test_a_gpu_without_bf16_is_given_fp16() -> None:
    assert one(techniques=["lora"], gpu="T4-16GB").inputs["base_dtype"] == "fp16"
    assert one(techniques=["lora"], gpu="A100-80GB").inputs["base_dtype"] == "bf16"


@pytest.mark.parametrize("technique", [*TECHNIQUES, "peft"])
@pytest.mark.parametrize(("gpu", "capability"), [("cpu", 0.0), ("T4-16GB", 7.5), ("A100-80GB", 8.0)])
def test_what_is_left_open_is_what_a_plan_would_do(technique: str, gpu: str, capability: float) -> None:
    device = hardware_table(RULES)[gpu]
    machine = Machine(device=gpu, capacity_gib=16, gpus=0 if device.is_cpu else 1, capability=capability)
    plan, _ = resolve_compute(ComputeRequest(), technique=technique, machine=machine)
    assumed, _ = settings_of(EstimateInputs(model="any"), technique, device=device, seq_len=64)
    for name in ("base_dtype", "autocast", "attention", "checkpointing"):
        assert assumed[name] == getattr(plan, name)
    assert assumed["optimizer"].removesuffix("_fused") == plan.optimizer


def test_packed_rows_are_kept_apart_by_a_mask_as_padded_ones_are() -> None:
    plain, packed = (one(techniques=["lora"], checkpointing=False, padded=False, packing=on) for on in (False, True))
    padded = one(techniques=["lora"], checkpointing=False, padded=True)
    assert plain.peak.allocated_gib < packed.peak.allocated_gib == padded.peak.allocated_gib
    assert any("Packed" in note for note in packed.assumptions["notes"])
    assert plain.inputs["packing"] is False
    assert not any("Packed" in note for note in plain.assumptions["notes"])


def test_gemma_2_runs_eagerly_and_a_window_puts_a_mask_into_long_rows() -> None:
    plain = {"techniques": ["lora"], "padded": False, "checkpointing": False, "gpu": "A100-80GB"}
    assert one(model="gemma-2-2b", **plain).assumptions["attention_kernel"] == "eager"
    inside, beyond = (one(model="phi-3-medium-4k", seq_len=length, **plain) for length in (2046, 2047))
    assert beyond.peak.allocated_gib > 1.01 * inside.peak.allocated_gib


def test_the_inputs_of_a_record_can_be_asked_again() -> None:
    made = one(techniques=["qlora"], gpu="L40S-48GB", seq_len=777)
    (again,) = estimate(read_inputs(made.inputs), rules=RULES, settings=SETTINGS)
    assert (again.peak, again.breakdown, again.fits) == (made.peak, made.breakdown, made.fits)


def test_only_what_was_compared_with_measurements_counts_as_validated() -> None:
    plain = {"techniques": ["lora"], "autocast": "none"}
    assert one(gpu="L40S-48GB", **plain).validated is True
    for change in ({"gpu": "A100-80GB"}, {"autocast": "bf16"}, {"zero": {"stage": 2}}, {"grad_accum": 2}):
        made = one(**{"gpu": "L40S-48GB", **plain, **change})
        assert made.validated is False
        assert made.assumptions["unvalidated"]


def test_the_longest_row_of_a_report_sets_the_length() -> None:
    report = lint_report(**{"data.tokens_max": 130})
    (made,) = ask(report=report, techniques=["lora"])
    assert (made.inputs["seq_len"], made.assumptions["seq_len_from"]) == (192, report.id)
    (explicit,) = ask(report=report, techniques=["lora"], seq_len=512)
    assert (explicit.inputs["seq_len"], explicit.assumptions["seq_len_from"]) == (512, None)
    (silent,) = ask(report=lint_report(), techniques=["lora"])
    assert silent.inputs["seq_len"] == 2048


def test_the_id_covers_the_content_but_not_what_fits_here() -> None:
    made = one(techniques=["lora"])
    assert made.id == record_id(made, without=NOT_IN_ID)
    assert one(techniques=["lora"]).id == made.id
    assert one(techniques=["lora"], seq_len=4096).id != made.id
    assert one(techniques=["lora"], model="llama-3.2-3b").id != made.id


def test_a_path_never_enters_the_record(tmp_path: Path) -> None:
    import msgspec

    config = {"model_type": "llama", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2}
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_bytes(msgspec.json.encode(config | {"num_attention_heads": 4}))
    made = one(model=str(folder), techniques=["lora"])
    assert made.model == "mine"
    assert str(tmp_path) not in msgspec.json.encode(made).decode()


@pytest.mark.parametrize(
    ("raw", "where", "said"),
    [
        ({"techniques": ["peft"]}, "techniques", "No formula for peft"),
        ({"techniques": ["qlra"]}, "techniques", "'qlora'"),
        ({"gpu": "A100"}, "gpu", "'A100-80GB'"),
        ({"gpu": ["T4-16GB", "H10"]}, "gpu", ""),
        ({"seq_len": 0}, "seq_len", "1 to"),
        ({"seq_len": 10**12}, "seq_len", "1 to"),
        ({"seq_len": True}, "seq_len", "whole number"),
        ({"micro_batch": 1.5}, "micro_batch", "whole number"),
        ({"gpus": -1}, "gpus", "1 to"),
        ({"attention": "spda"}, "attention", "'sdpa'"),
        ({"base_dtype": "int8"}, "base_dtype", "bf16"),
        ({"adapter": {"rank": 3}}, "adapter.rank", "r, targets"),
        ({"adapter": {"targets": ["q_prj"]}}, "adapter.targets", "'q_proj'"),
        ({"adapter": {"targets": "all"}}, "adapter.targets", "all-linear"),
        ({"adapter": {"targets": []}}, "adapter.targets", "at least one"),
        ({"adapter": {"dropout": 1.0}}, "adapter.dropout", "below 1"),
        ({"adapter": []}, "adapter", "an object"),
        ({"zero": {"stage": 4}}, "zero.stage", "0 to 3"),
        ({"zero": {"stage": 2, "offload_params": True}}, "zero.offload_params", "stage 3"),
        ({"zero": {"offload_optimizer": True}}, "zero.offload_optimizer", "stage 1"),
        ({"tier": "measured", "zero": {"stage": 2}}, "zero.stage", "formula"),
        ({"tier": "simulated", "techniques": ["peft"]}, "peft", "IA3"),
        ({"tier": "simulated", "zero": {"stage": 2}}, "zero.stage", "formula"),
        ({"dataset_id": "d"}, "dataset_id", "report"),
        ({"seqlen": 5}, "seqlen", "'seq_len'"),
        ({"model": None}, "model", "text or an object"),
        ({"attention": "flash", "gpu": "T4-16GB"}, "attention", "capability"),
        ({"attention": "flash", "gpu": "cpu"}, "attention", "capability"),
    ],
)
def test_an_unusable_input_is_named_with_what_is_allowed(raw: dict[str, Any], where: str, said: str) -> None:
    error = refused(**raw)
    assert (error.code, error.exit_code) == ("invalid_input", 2)
    assert [item.where for item in error.errors] == [where]
    assert said in f"{error.errors[0].allowed} {error.errors[0].remedy}"


def test_all_unusable_values_come_at_once() -> None:
    error = refused(model="nope", techniques=["lorra", "peft"], gpu="A1000", micro_batch=0, zero={"stage": 9})
    places = sorted(item.where for item in error.errors)
    assert places == ["gpu", "micro_batch", "model", "techniques", "techniques", "zero.stage"]


def test_inputs_built_in_code_are_checked_too() -> None:
    inputs = EstimateInputs(model="llama-3.2-1b", micro_batch="many")  # type: ignore[arg-type]
    with pytest.raises(TuneGateError, match="unusable"):
        estimate(inputs, rules=RULES, settings=SETTINGS)


@pytest.mark.parametrize(
    ("model", "why"), [("phi-3.5-moe", "experts"), ("phi-3-small-8k", "phi3small"), ("gpt2", "dropout")]
)
def test_a_family_without_a_formula_is_refused_with_the_reason_and_the_way_out(model: str, why: str) -> None:
    error = refused(model=model)
    assert (error.code, error.status, error.exit_code) == ("unsupported_family", 422, 2)
    assert why in error.detail
    assert "llama" in error.remedy
    assert "--simulate" in error.remedy
    assert "gpt2" not in error.remedy


def test_weights_that_are_already_quantised_are_refused() -> None:
    config = {
        "model_type": "llama", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 4, "quantization_config": {"quant_method": "gptq"},
    }  # fmt: skip
    assert "quantised" in refused(model=config).detail


def test_offloading_moves_bytes_from_the_device_to_the_host() -> None:
    zero = {"stage": 3, "offload_optimizer": True, "offload_params": True}
    on_device, offloaded = (one(techniques=["full"], gpus=8, zero=value) for value in ({"stage": 3}, zero))
    assert offloaded.peak.allocated_gib < on_device.peak.allocated_gib
    assert offloaded.host_ram_gib > on_device.host_ram_gib == 0


def test_the_catalogues_can_be_filtered() -> None:
    assert {row.family for row in models(ModelFilter(family="phi3"), rules=RULES, settings=SETTINGS)} == {"phi3"}
    small = models(ModelFilter(max_params=1_000_000_000), rules=RULES, settings=SETTINGS)
    assert small
    assert all(row.params and row.params <= 1_000_000_000 for row in small)
    assert [row.id for row in hardware(rules=RULES, query="a100")] == ["A100-40GB", "A100-80GB"]
    assert [row.id for row in hardware(rules=RULES, kind="cpu")] == ["cpu"]
    assert all(row.source and row.as_of for row in hardware(rules=RULES))
