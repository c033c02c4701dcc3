"""The smallest machine, the cheapest technique, and the largest sizes that fit: against the verdicts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.estimate.hardware import hardware_table
from service.estimate.machines import AzureMachine, azure_machines
from service.estimate.smallest import Machine, layouts_of, smallest
from service.records.estimate import Estimate, EstimateSet, Fit, Place, Verdict
from service.settings import load_settings
from service.verbs.estimate import answer, estimate, read_inputs
from service.verbs.estimating.machines import judged_machines
from service.verbs.estimating.words import places_text
from service.verbs.models import hardware

RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
MACHINES = {one.id: one for one in azure_machines(RULES)}


def ask(model: str, **raw: Any) -> list[Estimate]:
    return estimate(read_inputs({"model": model, **raw}), rules=RULES, settings=SETTINGS)


def one(model: str, technique: str, **raw: Any) -> Estimate:
    (found,) = ask(model, techniques=[technique], **raw)
    return found


def price(machine: AzureMachine) -> float:
    return float("inf") if machine.usd_per_hour is None else machine.usd_per_hour


def judge(model: str, technique: str, machine: AzureMachine, **layout: Any) -> Verdict:
    return one(model, technique, gpu=machine.device, **layout).fits[0].verdict


@pytest.mark.parametrize(("model", "technique"), [("llama-3.2-1b", "lora"), ("llama-3.2-3b", "full")])
def test_no_cheaper_machine_holds_it_on_one_gpu(model: str, technique: str) -> None:
    place = one(model, technique).smallest
    assert place is not None
    assert (place.gpus_used, place.sharding, place.verdict) == (1, "none", "fits")
    chosen = MACHINES[str(place.machine)]
    assert judge(model, technique, chosen) == "fits"
    assert (place.usd_per_hour, place.count, place.gpu) == (chosen.usd_per_hour, chosen.gpus, chosen.device)
    assert place.source
    assert "undated" in place.source
    for cheaper in MACHINES.values():
        if cheaper.device and (price(cheaper), cheaper.gpus) < (price(chosen), chosen.gpus):
            assert judge(model, technique, cheaper) != "fits", cheaper.id


def test_a_cheaper_machine_of_which_nothing_is_known_is_named() -> None:
    place = one("llama-3.1-8b", "qlora").smallest
    assert place is not None
    unknown = {name for name, machine in MACHINES.items() if machine.device is None}
    assert place.cheaper_unjudged
    assert set(place.cheaper_unjudged) == {name for name in unknown if price(MACHINES[name]) < price_of(place)}
    named = one("llama-3.1-8b", "qlora", gpu="A100-80GB").smallest
    assert named is not None
    assert named.cheaper_unjudged == []
    assert any("not judged" in line and place.cheaper_unjudged[0] in line for line in places_text(ask("llama-3.1-8b")))


def price_of(place: Place) -> float:
    return float("inf") if place.usd_per_hour is None else place.usd_per_hour


def test_where_one_gpu_is_too_small_it_is_sharded_and_said_so() -> None:
    place = one("llama-3.1-70b", "lora").smallest
    assert place is not None
    assert place.sharding in {"zero2", "zero3"}
    assert place.gpus_used == place.count
    layout = {"gpus": place.gpus_used, "zero": {"stage": int(place.sharding[-1])}}
    chosen = MACHINES[str(place.machine)]
    again = one("llama-3.1-70b", "lora", gpu=place.gpu, **layout)
    assert again.fits[0].verdict == "fits"
    assert again.peak.total_p90_gib == pytest.approx(place.total_p90_gib, abs=1e-5)
    for other in MACHINES.values():
        if other.device:
            assert judge("llama-3.1-70b", "lora", other) != "fits", "one GPU would have come first"
        if other.device and other.gpus > 1 and (price(other), other.gpus) < (price(chosen), chosen.gpus):
            for stage in (2, 3):
                verdict = judge("llama-3.1-70b", "lora", other, gpus=other.gpus, zero={"stage": stage})
                assert verdict != "fits", (other.id, stage)


def test_a_4_bit_base_is_never_sharded_by_stage_3() -> None:
    machine = machine_of("big", 1.0, gpus=8)
    assert layouts_of("qlora", gpus=1, stage=0)[1](machine) == [(8, 2)]
    assert layouts_of("lora", gpus=1, stage=0)[1](machine) == [(8, 2), (8, 3)]


def test_what_was_asked_for_is_what_is_placed() -> None:
    place = one("llama-3.1-8b", "full", gpus=4, zero={"stage": 3}).smallest
    assert place is not None
    assert (place.gpus_used, place.sharding) == (4, "zero3")
    assert (place.count or 0) >= 4


def test_named_devices_limit_the_machines_and_none_is_said_with_the_reason() -> None:
    named = one("llama-3.2-1b", "lora", gpu="H100-NVL-94GB")
    assert named.smallest is not None
    assert named.smallest.gpu == "H100-NVL-94GB"
    owned = one("llama-3.2-1b", "lora", gpu="RTX-4090-24GB")
    assert owned.smallest is None
    assert owned.no_smallest == "no Azure machine of the rules has RTX-4090-24GB"
    huge = one("llama-3.1-70b", "full", gpu="T4-16GB")
    assert huge.smallest is None
    assert "no Azure machine" in str(huge.no_smallest)


def test_offloaded_state_must_fit_into_the_machine_too() -> None:
    raw = {"gpus": 8, "zero": {"stage": 3, "offload_optimizer": True, "offload_params": True}}
    made = one("llama-3.1-70b", "full", **raw)
    assert made.smallest is not None
    for machine in MACHINES.values():
        if machine.id == made.smallest.machine:
            assert machine.ram_gib >= made.host_ram_gib
    with_less = RULES.overlaid({"azure-machines.toml": _less_memory(RULES.read("azure-machines.toml"))})
    inputs = read_inputs({"model": "llama-3.1-70b", "techniques": ["full"], **raw})
    (poor,) = estimate(inputs, rules=with_less, settings=SETTINGS)
    assert poor.smallest is None


def _less_memory(content: bytes) -> bytes:
    lines = content.decode().splitlines()
    return "\n".join("ram_gib = 8" if line.startswith("ram_gib") else line for line in lines).encode()


def machine_of(name: str, usd: float | None, *, gpus: int = 1) -> Machine:
    device = hardware_table(RULES)["A100-80GB"]
    return Machine(id=name, device=device, gpus=gpus, ram_gib=1.0, usd_per_hour=usd, source=None)


def test_price_comes_first_then_fewer_gpus_and_no_price_comes_last() -> None:
    fits = Fit("A100-80GB", 1, "fits", 1.0, capacity_gib=79.25)
    machines = [machine_of("unpriced", None), machine_of("more", 2.0, gpus=4), machine_of("fewer", 2.0, gpus=2)]
    layouts = layouts_of("lora", gpus=1, stage=0)
    found = smallest(machines, lambda *_: fits, layouts=layouts)
    assert found is not None
    assert (found.machine, found.gpus_used, found.total_p90_gib) == ("fewer", 1, 78.25)
    alone = smallest(machines[:1], lambda *_: fits, layouts=layouts)
    assert alone is not None
    assert alone.usd_per_hour is None


def test_a_tight_machine_is_named_only_where_none_fits() -> None:
    verdicts: dict[str, Verdict] = {"cheap": "tight", "dear": "fits"}
    machines = [machine_of("cheap", 1.0), machine_of("dear", 9.0)]

    def verdict(machine: Machine, layout: tuple[int, int]) -> Fit:
        return Fit("A100-80GB", layout[0], verdicts[machine.id], 0.0, capacity_gib=79.25)

    layouts = layouts_of("lora", gpus=1, stage=0)
    found = smallest(machines, verdict, layouts=layouts)
    assert found is not None
    assert (found.machine, found.verdict) == ("dear", "fits")
    only = smallest(machines[:1], verdict, layouts=layouts)
    assert only is not None
    assert (only.machine, only.verdict) == ("cheap", "tight")


def test_the_cheapest_technique_costs_least_then_needs_least() -> None:
    found = answer(ask("llama-3.1-8b"))
    assert isinstance(found, EstimateSet)
    assert found.cheapest is not None
    places = {made.technique: made.smallest for made in found.estimates}
    best = places[found.cheapest.technique]
    assert best == found.cheapest.place
    assert best is not None
    for technique, place in places.items():
        assert place is not None
        mine = (best.usd_per_hour or 0, best.total_p90_gib)
        assert mine <= (place.usd_per_hour or float("inf"), place.total_p90_gib), technique


def test_on_a_device_that_nobody_rents_out_the_cheapest_is_what_fits_there() -> None:
    found = answer(ask("llama-3.1-8b", gpu="RTX-4090-24GB"))
    assert isinstance(found, EstimateSet)
    assert found.cheapest is not None
    place = found.cheapest.place
    assert (found.cheapest.technique, place.machine, place.gpu) == ("qlora", None, "RTX-4090-24GB")
    none = answer(ask("llama-3.1-70b", gpu="RTX-4090-24GB"))
    assert isinstance(none, EstimateSet)
    assert none.cheapest is None


def test_the_largest_sizes_fit_and_the_next_do_not() -> None:
    for technique in ("lora", "qlora", "full"):
        made = one("smollm2-360m", technique, gpu=["T4-16GB", "A100-80GB"], seq_len=512)
        for fit in made.fits:
            batch, length = fit.max_micro_batch, fit.max_seq_len
            assert batch
            assert length
            for field, size in (("micro_batch", batch), ("seq_len", length)):
                verdicts = [
                    one("smollm2-360m", technique, **{"gpu": fit.gpu, "seq_len": 512, field: each}).fits[0].verdict
                    for each in (size, size + 1)
                ]
                assert verdicts[0] == "fits"
                assert verdicts[1] != "fits", (technique, fit.gpu, field, size)


def test_sizes_stop_at_the_context_and_are_solved_for_named_devices_alone() -> None:
    config = {
        "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 4096,
    }  # fmt: skip
    inputs = read_inputs({"model": config, "techniques": ["lora"], "gpu": "A100-80GB"})
    (named,) = estimate(inputs, rules=RULES, settings=SETTINGS)
    assert named.fits[0].max_seq_len == 4096
    assert {fit.max_seq_len for fit in one("llama-3.2-1b", "lora").fits} == {None}
    assert one("llama-3.1-70b", "full", gpu="T4-16GB").fits[0].max_micro_batch == 0


def test_the_machines_of_the_catalogue_and_of_the_estimates_are_the_same() -> None:
    listed = {machine.id for row in hardware(rules=RULES) for machine in row.azure}
    devices = list(hardware_table(RULES).values())
    assert listed == {one.id for one in judged_machines(azure_machines(RULES), devices, source="")}
    assert listed == {one.id for one in MACHINES.values() if one.device}
