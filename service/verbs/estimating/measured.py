"""The measured tier of estimate: real steps on this machine, held against the formulas, and kept for later ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from service.clock import now
from service.errors import ErrorItem, TuneGateError
from service.estimate.compared import Comparison, Shape, compared
from service.estimate.defaults import check_for_device, check_for_model, resolve, settings_of
from service.estimate.hardware import Hardware, own_row, reported_row
from service.estimate.inputs import TECHNIQUES, EstimateInputs, invalid
from service.estimate.notation import Case
from service.launch.machine import LocalGpu, local_gpu
from service.launch.measurement import run_measurement
from service.models.architecture import Architecture, read_architecture
from service.records.estimate import NOT_IN_ID, Estimate
from service.records.identity import record_id
from service.settings import Settings
from service.verbs.estimating.measured_answer import Answered, kept, of_memory_that_ended, of_steps
from service.verbs.estimating.simulated import SimulatedModel, said_of, step_of
from trainers.contract import Measurement, MeasurementQuestion

_CPU: Literal["cpu"] = "cpu"


class Place(msgspec.Struct, frozen=True):
    """What is measured: a row of the hardware table or one of its own, and the GPU behind it (null: the CPU)."""

    row: Hardware
    gpu: LocalGpu | None


def place_of(names: list[str], table: Mapping[str, Hardware]) -> tuple[Place | None, list[ErrorItem]]:
    """The GPU of this machine, its CPU where that is named; None without a GPU. Another device is an error."""
    if set(names) == {_CPU}:
        return Place(table[_CPU], None), []
    gpu = local_gpu()
    if gpu is None:
        known = {*table, _CPU}
        unknown = [name for name in names if name not in known]
        return None, [ErrorItem("gpu", name, ", ".join(table)) for name in unknown]
    row = reported_row(gpu.name, dict(table)) or own_row(
        gpu.name, capacity_gib=gpu.capacity_gib, capability=gpu.capability
    )
    others = [name for name in names if name not in (row.id, gpu.name)]
    why = "Only what is in this machine can be measured on it."
    return Place(row, gpu), [ErrorItem("gpu", name, f"{row.id} (this machine's GPU), or cpu", why) for name in others]


def required(place: Place | None) -> Place:
    """The place.

    Raises:
        TuneGateError: `missing_gpu`.

    """
    if place is None:
        raise TuneGateError(
            "missing_gpu",
            "--measure runs steps on a GPU of this machine, and nvidia-smi shows none.",
            remedy="Measure where the GPU is, or on this CPU (--gpu cpu); --simulate and the formulas need none.",
        )
    return place


def estimate_measured(
    inputs: EstimateInputs,
    technique: str,
    *,
    model: SimulatedModel,
    place: Place,
    settings: Settings,
    seq_len: int,
    measured_by: str | None,
) -> Estimate:
    """The record of one technique; where the formulas agree, the device's calibration is made anew.

    Raises:
        TuneGateError: `invalid_input`, `missing_gpu` (PyTorch sees none), `missing_extra`, `unsupported_family`,
            `target_cannot` (the method does not fit the model, or the measurement its limits), `trainer_died`.

    """
    values, assumed = settings_of(inputs, technique, device=place.row, seq_len=seq_len)
    architecture = _architecture(inputs, technique, model, place.row, seq_len=seq_len)
    micro_batch, length = values["micro_batch"], values["seq_len"]
    found = run_measurement(
        MeasurementQuestion(
            **step_of(inputs, technique, values, config=model.config),
            attention=values["attention"],
            place=_CPU if place.gpu is None else "cuda",
            shapes=((micro_batch, max(1, length // 2)), (micro_batch + 1, length)),
        ),
        gpu=place.gpu,
    )
    answered = Answered(
        technique=technique,
        model=model.name,
        attention=values["attention"],
        row=_row(place, found),
        measurement=found,
        comparison=_compared(inputs, technique, architecture, place.row, found),
        case=_case(inputs, technique, architecture, place.row, micro_batch, length),
        measured_at=now(),
        others_bytes=place.gpu.used_bytes if place.gpu else 0,
        assumed=assumed,
        measured_by=measured_by,
    )
    inner = said_of(inputs, technique, values, model=model)
    if not found.shapes:
        made = of_memory_that_ended(answered, inner)
    else:
        made = of_steps(answered, inner, kept(answered, settings))
    return msgspec.structs.replace(made, id=record_id(made, without=NOT_IN_ID))


def _row(place: Place, found: Measurement) -> Hardware:
    """The device with what it told itself: a slice of a GPU has another name, and a machine its own memory."""
    if place.gpu is None:
        return place.row
    total = round(found.total / 2**30, 6)
    if found.device in (place.gpu.name, *place.row.reported_as):
        return msgspec.structs.replace(place.row, capacity_gib=total)
    return own_row(found.device, capacity_gib=total, capability=found.capability)


def _architecture(
    inputs: EstimateInputs, technique: str, model: SimulatedModel, row: Hardware, *, seq_len: int
) -> Architecture | None:
    """The sizes that the formulas need, or None where no formula covers the model or the technique.

    Raises:
        TuneGateError: `invalid_input` for settings that fit neither model nor device.

    """
    if technique not in TECHNIQUES:
        return None
    try:
        made = read_architecture(dict(model.config), where=model.name)
    except TuneGateError as error:
        if error.code != "unsupported_family":
            raise
        return None
    errors = check_for_model(inputs, made)
    if not errors:
        resolved = resolve(inputs, technique, model=made, device=row, seq_len=seq_len)
        errors = check_for_device(Case(made, resolved.run), row, attention=resolved.inputs["attention"])
    if errors:
        raise invalid(errors)
    return made


def _case(
    inputs: EstimateInputs, technique: str, architecture: Architecture | None, row: Hardware, size: int, length: int
) -> Case | None:
    if architecture is None:
        return None
    shaped = msgspec.structs.replace(inputs, micro_batch=size, seq_len=length)
    return Case(architecture, resolve(shaped, technique, model=architecture, device=row, seq_len=length).run)


def _compared(
    inputs: EstimateInputs, technique: str, architecture: Architecture | None, row: Hardware, found: Measurement
) -> Comparison | None:
    shapes = []
    for one in found.shapes:
        case = _case(inputs, technique, architecture, row, one.micro_batch, one.seq_len)
        if case is not None:
            shapes.append(Shape(case, {name: peak.allocated for name, peak in one.phases.items()}))
    return compared(shapes) if shapes else None
