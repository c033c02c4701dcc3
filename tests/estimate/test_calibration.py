"""What a measurement on a GPU becomes; the figures are those that others measured on a Tesla T4 (measured.toml)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from service.data import rule_files
from service.estimate.calibration import Row, fitted
from service.estimate.compared import Shape, compared
from service.estimate.defaults import resolve
from service.estimate.hardware import Hardware, hardware_table, own_row, reported_row
from service.estimate.inputs import EstimateInputs
from service.estimate.notation import MIB, Case
from service.estimate.phases import phases
from service.estimate.reserve import EAGER
from service.models.architecture import read_architecture
from service.models.resolve import resolve_model
from service.records.estimate import Estimate
from service.settings import Settings, load_settings
from service.verbs.estimate import estimate
from service.verbs.estimating.calibrations import DeviceFile
from service.verbs.estimating.measured import place_of
from service.verbs.estimating.measured_answer import Answered, kept, of_steps
from trainers.contract import MeasuredShape, Measurement, OutOfMemory, Reading

RULES = rule_files(None)
TABLE = hardware_table(RULES)
T4 = TABLE["T4-16GB"]
# model, sequence length, MiB allocated and reserved: QLoRA of rank 16, eager attention, one row per micro-batch
MISTRAL, DEEPSEEK = ("mistral-7b-v0.3", 1024, 6190.58, 6740), ("deepseek-coder-1.3b", 1024, 1975.49, 2274)
CONTEXT_MIB = 140.875
HERE = {"torch": version("torch"), "transformers": version("transformers")}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"TUNEGATE_HOME": str(tmp_path)})


def asked(model: str, seq_len: int, micro_batch: int = 1) -> EstimateInputs:
    raw = {
        "model": model, "techniques": ["qlora"], "seq_len": seq_len, "micro_batch": micro_batch, "gpu": T4.id,
        "double_quant": False, "autocast": "none", "padded": False, "attention": "eager", "optimizer": "adamw",
        "adapter": {"targets": ["q_proj", "k_proj", "v_proj", "o_proj"]}, "keep_logits": True,
    }  # fmt: skip
    return msgspec.convert(raw, EstimateInputs)


def case_of(inputs: EstimateInputs, settings: Settings) -> Case:
    found = resolve_model(inputs.model, rules=RULES, settings=settings)
    architecture = read_architecture(found.config, where=found.name)
    run = resolve(inputs, "qlora", model=architecture, device=T4, seq_len=1).run
    return Case(architecture, run)


def answered(
    row: tuple[str, int, float, float], settings: Settings, *, more_mib: float = 0.0, **versions: str
) -> Answered:
    model, seq_len, allocated, reserved = row
    case = case_of(asked(model, seq_len), settings)
    peak = round((allocated + more_mib) * MIB)
    by_formula = max(phases(case), key=lambda phase: phase.bytes).name
    found = Measurement(
        device="Tesla T4", capability=7.5, total=14912 * MIB, load=Reading(0), steps=2,
        context=round(CONTEXT_MIB * MIB), versions=HERE | versions,
        shapes=[
            MeasuredShape(
                micro_batch=1, seq_len=seq_len, phases={by_formula: Reading(peak, round((reserved + more_mib) * MIB))}
            )
        ],
    )  # fmt: skip
    return Answered(
        technique="qlora", model=model, attention="eager", row=T4, measurement=found,
        comparison=compared([Shape(case, {by_formula: peak})]), case=case, measured_at="2026-09-21T00:00:00.000Z",
        others_bytes=0, assumed={}, measured_by=None,
    )  # fmt: skip


def later(row: tuple[str, int, float, float], settings: Settings) -> Estimate:
    return estimate(asked(row[0], row[1]), rules=RULES, settings=settings)[0]


def test_the_answer_has_what_was_measured(settings: Settings) -> None:
    one = answered(MISTRAL, settings)
    found = of_steps(one, {}, kept(one, settings))
    assert found.peak.allocated_gib * 1024 == pytest.approx(MISTRAL[2], abs=0.01)
    assert found.peak.reserved_p50_gib * 1024 == pytest.approx(MISTRAL[3], abs=0.1)
    assert found.peak.context_gib * 1024 == pytest.approx(CONTEXT_MIB, abs=0.01)
    assert sum(term.gib for term in found.breakdown) == pytest.approx(found.peak.allocated_gib, abs=1e-6)
    assert (found.evidence, found.validated, found.fits[0].gpu, found.fits[0].verdict) == (
        "measured", True, "T4-16GB", "fits",
    )  # fmt: skip


def test_another_attention_kernel_than_the_formula_s_is_said(settings: Settings) -> None:
    one = answered(MISTRAL, settings)
    fused = resolve_kernel(one, "sdpa", settings)
    said = [
        of_steps(
            msgspec.structs.replace(fused, measurement=msgspec.structs.replace(one.measurement, kernel=kernel)),
            {},
            None,
        )
        for kernel in ("cudnn_attention", "math")
    ]
    assert ["Attention ran as" in " ".join(found.assumptions["notes"]) for found in said] == [True, False]


def resolve_kernel(one: Answered, attention: str, settings: Settings) -> Answered:
    """The same with scaled dot product attention, which on a T4 with fewer KV heads is the math kernel."""
    inputs = msgspec.structs.replace(asked(MISTRAL[0], MISTRAL[1]), attention=attention)
    case = case_of(inputs, settings)
    assert case.run.kernel == "math"
    return msgspec.structs.replace(one, case=case)


def test_a_class_that_runs_eagerly_has_the_band_and_the_calibration_of_eager_attention(settings: Settings) -> None:
    one = answered(MISTRAL, settings)
    inputs = msgspec.structs.replace(asked("gemma-2-2b", MISTRAL[1]), attention="sdpa")
    gemma = msgspec.structs.replace(one, attention="sdpa", case=case_of(inputs, settings))
    assert gemma.published == EAGER
    known = kept(gemma, settings)
    assert known is not None
    assert known.calibration.attention == "eager"


def test_others_on_the_device_are_said(settings: Settings) -> None:
    one = answered(MISTRAL, settings)
    shared = of_steps(msgspec.structs.replace(one, others_bytes=3 * 2**30), {}, None)
    assert any("3.00 GiB" in note for note in shared.assumptions["notes"])
    assert not any("Other processes" in note for note in of_steps(one, {}, None).assumptions["notes"])


def test_a_larger_shape_that_does_not_fit_leaves_the_answer_as_it_is(settings: Settings) -> None:
    one = answered(MISTRAL, settings)
    ended = OutOfMemory(micro_batch=2, seq_len=1024, phase="loss", reached=Reading(13 * 2**30, 14 * 2**30))
    found = of_steps(
        msgspec.structs.replace(one, measurement=msgspec.structs.replace(one.measurement, out_of_memory=ended)),
        {},
        None,
    )
    assert found.fits[0].verdict == "fits"
    assert any("2 x 1024 tokens" in note and "13.00 GiB" in note for note in found.assumptions["notes"])


def test_several_measurements_make_one_calibration_that_later_estimates_use(settings: Settings) -> None:
    before = later(DEEPSEEK, settings)
    for row in (MISTRAL, DEEPSEEK, MISTRAL):
        known = kept(answered(row, settings), settings)
    assert known is not None
    fitted = known.calibration
    assert [row.model for row in fitted.rows] == [DEEPSEEK[0], MISTRAL[0]]  # measured again, a row is replaced
    assert fitted.context_mib == CONTEXT_MIB
    ratios = [row[3] / row[2] for row in (MISTRAL, DEEPSEEK)]
    assert fitted.reserved_p50 == pytest.approx(sum(ratios) / 2, abs=1e-4)
    assert fitted.reserved_p90 >= max(ratios)
    after = later(DEEPSEEK, settings)
    assert after.assumptions["calibrated_by"]["file"] == "calibrations/T4-16GB.json"
    assert after.peak.context_gib * 1024 == pytest.approx(CONTEXT_MIB, abs=0.01)
    assert after.peak.reserved_p50_gib / after.peak.allocated_gib == pytest.approx(fitted.reserved_p50, abs=1e-5)
    constants = [{term.term: term.gib for term in one.breakdown}["constant"] for one in (before, after)]
    assert constants[1] * 1024 == pytest.approx(fitted.constant_mib, abs=0.01) != constants[0] * 1024
    others = [{t.term: t.gib for t in one.breakdown if t.term != "constant"} for one in (before, after)]
    assert others[0] == others[1]  # what the formulas themselves say is never calibrated
    assert after.id != before.id


def small(allocated: float, reserved: float) -> Row:
    return Row(
        measured_at="2026-11-21", model="tiny", technique="qlora", micro_batch=1, seq_len=16, allocated_mib=allocated,
        reserved_mib=reserved, context_mib=CONTEXT_MIB, constant_mib=32.0,
    )  # fmt: skip


def test_a_tiny_run_leaves_the_reserved_band_as_it_is() -> None:
    large = small(4096, 4400)
    assert fitted([small(1.5, 22)], published=EAGER)[2] == EAGER
    assert fitted([large, small(1.5, 22)], published=EAGER) == fitted([large], published=EAGER)
    assert fitted([large], published=EAGER)[2].p50 == pytest.approx(4400 / 4096, abs=1e-4)


def test_a_band_that_was_kept_of_tiny_runs_alone_is_not_used(settings: Settings) -> None:
    known = kept(answered(MISTRAL, settings), settings)
    assert known is not None
    path = settings.home / known.file
    file = msgspec.json.decode(path.read_bytes(), type=DeviceFile)
    poisoned = msgspec.structs.replace(
        file.calibrations[0], rows=[small(1.5, 22)], reserved_p50=14.6667, reserved_p90=16.9753
    )
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(file, calibrations=[poisoned])))
    found = later(MISTRAL, settings)
    assert found.assumptions["calibrated_by"]["rows"] == 1
    assert found.assumptions["reserved_over_allocated"] == {"p50": EAGER.p50, "p90": EAGER.p90}


@pytest.mark.parametrize(("allocated_mib", "validated"), [(1.5, False), (600, False), (700, True), (60_000, True)])
def test_only_a_run_of_comparable_size_validates(settings: Settings, allocated_mib: float, validated: bool) -> None:
    """What is asked allocates 6,190 MiB, on a device of which no table row was measured."""
    row = own_row("NVIDIA GB10", capacity_gib=120, capability=12.1)
    known = kept(msgspec.structs.replace(answered(MISTRAL, settings), row=row), settings)
    assert known is not None
    path = settings.home / known.file
    file = msgspec.json.decode(path.read_bytes(), type=DeviceFile)
    one = msgspec.structs.replace(file.calibrations[0], rows=[small(allocated_mib, allocated_mib * 1.1)])
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(file, calibrations=[one])))
    inputs = msgspec.structs.replace(asked(MISTRAL[0], MISTRAL[1]), gpu=row.id)
    found = estimate(inputs, rules=RULES, settings=settings)[0].assumptions
    assert ([reason for reason in found["unvalidated"] if reason.startswith("hardware")] == []) is validated
    assert any("does not validate" in note for note in found["notes"]) is not validated


def test_another_attention_or_device_is_not_calibrated(settings: Settings) -> None:
    kept(answered(MISTRAL, settings), settings)
    inputs = asked(MISTRAL[0], MISTRAL[1])
    for changes in ({"attention": "sdpa"}, {"techniques": ["lora"]}, {"gpu": "L40S-48GB"}):
        changed = msgspec.structs.replace(inputs, **changes)
        assert "calibrated_by" not in estimate(changed, rules=RULES, settings=settings)[0].assumptions


def test_other_libraries_than_the_installed_ones_are_said_and_left_out(settings: Settings) -> None:
    before = later(MISTRAL, settings)
    kept(answered(MISTRAL, settings, torch="2.10.0+cu128"), settings)
    after = later(MISTRAL, settings)
    assert (after.peak, after.breakdown) == (before.peak, before.breakdown)
    assert any("torch 2.10.0+cu128" in note and "--measure" in note for note in after.assumptions["notes"])


def test_more_than_three_percent_is_a_bug_and_is_not_kept(settings: Settings) -> None:
    one = answered(MISTRAL, settings, more_mib=600)
    assert kept(one, settings) is None
    assert not settings.calibrations.exists()
    found = of_steps(one, {}, None)
    assert "bug of the formula" in found.assumptions["formula_bug"]["text"]
    assert found.peak.allocated_gib * 1024 == pytest.approx(MISTRAL[2] + 600, abs=0.01)


def test_a_rest_is_shared_out_into_what_is_constant_and_what_grows(settings: Settings) -> None:
    def shapes(extra: Sequence[int]) -> list[Shape]:
        cases = [
            case_of(asked(MISTRAL[0], length, size), settings) for size, length in ((1, 1024), (1, 512), (2, 1024))
        ]
        tops = [max(phases(case), key=lambda phase: phase.bytes) for case in cases]
        return [Shape(case, {top.name: top.bytes + more}) for case, top, more in zip(cases, tops, extra, strict=True)]

    level = compared(shapes([50 * MIB] * 3))
    assert (level.constant_bytes, level.per_token_bytes, level.difference) == (50 * MIB, 0.0, 0.0)
    growing = compared(shapes([1024 * 1000, 512 * 1000, 2048 * 1000]))
    assert (growing.constant_bytes, growing.per_token_bytes) == (0, 1000.0)
    assert not growing.is_bug
    # no library keeps half a GiB: a rest that large is no constant of the device
    assert compared(shapes([512 * MIB] * 3)).is_bug


@pytest.mark.parametrize("row", [row for row in TABLE.values() if not row.is_cpu], ids=lambda row: row.id)
def test_every_gpu_of_the_table_is_known_by_what_its_driver_calls_it(row: Hardware) -> None:
    assert row.reported_as
    assert row.reported_source
    for name in row.reported_as:
        assert reported_row(name.upper(), TABLE) == row
        assert reported_row(f"{name} MIG 1g.5gb", TABLE) is None


def test_an_unknown_gpu_is_a_row_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    (tmp_path / "nvidia-smi").write_text(
        "#!/bin/sh\ncase \"$*\" in *compute_cap*) echo 12.1 ;; *) echo 'NVIDIA GB10, 122880, 9' ;; esac\n"
    )
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    place, errors = place_of([], TABLE)
    assert errors == []
    assert place is not None
    assert (place.row.id, place.row.capacity_gib, place.row.capability, place.row.bf16) == (
        "NVIDIA GB10",
        120,
        12.1,
        True,
    )
    one = answered(MISTRAL, settings)
    kept(msgspec.structs.replace(one, row=place.row), settings)
    inputs = msgspec.structs.replace(asked(MISTRAL[0], MISTRAL[1]), gpu="NVIDIA GB10")
    found = estimate(inputs, rules=RULES, settings=settings)[0]
    assert found.fits[0].gpu == "NVIDIA GB10"
    assert found.assumptions["calibrated_by"]["file"].startswith("calibrations/NVIDIA-GB10-")
