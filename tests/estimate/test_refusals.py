"""What cannot be run is never said to fit: devices that refuse a kernel, combinations that our own plans refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.estimate.hardware import hardware_table
from service.records.estimate import Estimate
from service.settings import load_settings
from service.verbs.estimate import answer, estimate, read_inputs
from service.verbs.estimating.measured import place_of
from service.verbs.estimating.page import html
from service.verbs.estimating.words import places_text

RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})


def ask(**raw: Any) -> list[Estimate]:
    values = {"model": "smollm2-135m", "techniques": ["lora"], "seq_len": 64, **raw}
    return estimate(read_inputs(values), rules=RULES, settings=SETTINGS)


def refused(**raw: Any) -> TuneGateError:
    with pytest.raises(TuneGateError) as caught:
        ask(**raw)
    return caught.value


@pytest.mark.parametrize("gpus", [["A100-80GB", "T4-16GB", "cpu"], ["cpu", "T4-16GB", "A100-80GB"]])
def test_a_device_without_the_kernel_is_no_with_the_reason_in_whatever_order_it_is_named(gpus: list[str]) -> None:
    found = ask(attention="flash", gpu=gpus)
    fits = {fit.gpu: fit for fit in found[0].fits}
    assert list(fits) == gpus
    assert {gpu: fit.verdict for gpu, fit in fits.items()} == {"A100-80GB": "fits", "T4-16GB": "no", "cpu": "no"}
    assert fits["A100-80GB"].why is None
    for gpu in ("T4-16GB", "cpu"):
        assert "capability 8.0" in str(fits[gpu].why)
        assert fits[gpu].max_seq_len is None
    assert found[0].assumptions["device"] == "A100-80GB"
    line = next(line for line in places_text(found) if line.startswith("Cannot run lora on "))
    assert "T4-16GB" in line
    assert line.removesuffix(".") in html(answer(found))


def test_without_names_a_device_without_the_kernel_does_not_fit() -> None:
    (made,) = ask(attention="flash")
    reasons = {fit.gpu: fit.why for fit in made.fits}
    assert reasons["T4-16GB"]
    assert reasons["cpu"]
    assert reasons["A100-80GB"] is None
    assert all(fit.verdict == "no" for fit in made.fits if fit.why)
    assert made.smallest is not None
    assert reasons[made.smallest.gpu] is None


def test_where_no_named_device_has_the_kernel_each_is_named() -> None:
    errors = refused(attention="flash", gpu=["T4-16GB", "cpu"]).errors
    assert [error.where for error in errors] == ["attention", "attention"]
    assert "T4-16GB" in str(errors[0].seen)
    assert "cpu" in str(errors[1].seen)


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ({"techniques": ["qlora"], "gpus": 4, "zero": {"stage": 3}}, "zero.stage"),
        ({"techniques": ["lora", "qdora"], "gpus": 4, "zero": {"stage": 3}}, "zero.stage"),
        ({"techniques": ["prompt"], "packing": True}, "packing"),
        ({"packing": True, "gpus": 4, "zero": {"stage": 3}}, "packing"),
    ],
)
def test_what_our_own_plan_refuses_is_refused(raw: dict[str, Any], where: str) -> None:
    (error,) = refused(**raw).errors
    assert error.where == where
    assert error.remedy


def test_all_techniques_are_those_that_a_plan_would_take() -> None:
    found = ask(techniques=[], gpus=4, zero={"stage": 3})
    assert [one.technique for one in found] == ["full", "lora", "dora"]
    assert all("Left out under ZeRO-3: qlora, qdora." in " ".join(one.assumptions["notes"]) for one in found)


def test_packing_is_placed_without_stage_3() -> None:
    (sharded,) = ask(model="llama-3.1-70b", seq_len=2048)
    (packed,) = ask(model="llama-3.1-70b", seq_len=2048, packing=True)
    assert sharded.smallest is not None
    assert sharded.smallest.sharding != "none", "the model is large enough to tell"
    assert packed.smallest is None or packed.smallest.sharding in {"none", "zero2"}


def test_a_setting_that_a_technique_has_no_use_for_is_named() -> None:
    full, qlora = ask(techniques=["full", "qlora"], adapter={"r": 64}, double_quant=True)
    assert "Not used by full: double_quant, adapter.r." in full.assumptions["notes"]
    assert not any("Not used" in note for note in qlora.assumptions["notes"])


def test_bf16_on_a_device_without_it_is_said() -> None:
    (made,) = ask(base_dtype="bf16", gpu=["A100-80GB", "T4-16GB"])
    assert any(note.startswith("T4-16GB: no bf16 arithmetic") for note in made.assumptions["notes"])
    (made,) = ask(base_dtype="bf16", gpu="A100-80GB")
    assert not any("no bf16" in note for note in made.assumptions["notes"])


def test_a_place_to_measure_named_twice_is_one_place() -> None:
    place, errors = place_of(["cpu", "cpu"], hardware_table(RULES))
    assert errors == []
    assert place is not None
    assert (place.row.id, place.gpu) == ("cpu", None)


def test_the_page_says_of_each_technique_what_is_its_own() -> None:
    page = html(answer(ask(techniques=["full", "lora"])))
    assert "64 tokens x micro-batch 1, fp32 (full), bf16 (lora)" in page
    assert "fp32 (full), bf16 (lora)</td>" in page
