"""Assembles the estimate record of one technique: peak, band, breakdown, verdicts, assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from service.errors import ErrorItem
from service.estimate.adapters import trained_parameters
from service.estimate.calibration import (
    Ground,
    Known,
    calibrated_by,
    calibration_notes,
    ground_of,
    is_comparable,
)
from service.estimate.defaults import Resolved, cannot_run, check_for_device, resolve
from service.estimate.evidence import notes, unvalidated
from service.estimate.fits import fit_on
from service.estimate.hardware import ANY_GPU, Hardware
from service.estimate.inputs import EstimateInputs, invalid
from service.estimate.notation import GIB, Case
from service.estimate.parts import Phase
from service.estimate.phases import peak as peak_phase
from service.estimate.phases import phases
from service.estimate.reserve import DIGITS, peak_of
from service.estimate.sharding import host_bytes
from service.estimate.solver import max_micro_batch, max_seq_len
from service.models.architecture import Architecture
from service.records.estimate import NOT_IN_ID, Estimate, Fit, Peak, Term
from service.records.identity import record_id


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One technique on one model, with the devices to judge; `measured_by` is the report the length comes from."""

    inputs: EstimateInputs
    technique: str
    model_name: str
    model: Architecture
    devices: list[Hardware]
    seq_len: int
    measured_by: str | None = None
    # the model's own limit of tokens per row, and whether the largest sizes are solved for the named devices
    context: int | None = None
    solve: bool = False
    # what was measured on this machine, for the devices that it has
    calibrations: Sequence[Known] = ()
    # calibration files that could not be read, in words
    unread: Sequence[str] = ()


def estimate_one(question: Question) -> Estimate:
    """The record.

    Raises:
        TuneGateError: `invalid_input` where the settings cannot run on the device they are asked for.

    """
    named = question.devices if question.inputs.gpu is not None else []
    device = _device(question, named)
    resolved = _resolve(question, device)
    case = Case(question.model, resolved.run)
    found = phases(case)
    top = max(found, key=lambda phase: phase.bytes)
    ground = _ground(question, resolved, device)
    breakdown = _terms(top, ground)
    peak = _peak_gib(_sum(breakdown), ground)
    if ground.known is not None:
        vouched = device.validated or is_comparable(ground.known, peak.allocated_gib)
        device = msgspec.structs.replace(device, validated=vouched, context_verified=True)
    reasons = unvalidated(case, [device, *(row for row in named if row.id != device.id)] if named else [])
    made = Estimate(
        id="",
        model=question.model_name,
        technique=question.technique,
        inputs=_inputs(question, resolved),
        peak=peak,
        host_ram_gib=peak.total_p90_gib if device.is_cpu else _gib(host_bytes(case)),
        phase=top.name,
        phases={phase.name: _sum(_terms(phase, ground)) for phase in found},
        breakdown=breakdown,
        fits=[_fit(question, row, peak if row is device else None) for row in question.devices],
        evidence="formula",
        validated=not reasons,
        assumptions=_assumptions(question, resolved, device, reasons, ground, peak),
    )
    return msgspec.structs.replace(made, id=record_id(made, without=NOT_IN_ID))


def _device(question: Question, named: list[Hardware]) -> Hardware:
    """The first of the named devices that can run it; some GPU where none is named.

    Raises:
        TuneGateError: `invalid_input` with an item per device where none of them can.

    """
    errors: list[ErrorItem] = []
    for device in named or [ANY_GPU]:
        resolved = _resolve(question, device)
        case = Case(question.model, resolved.run)
        found = check_for_device(case, device, attention=resolved.inputs["attention"])
        if not found:
            return device
        errors += found
    raise invalid(errors)


def _fit(question: Question, device: Hardware, peak: Peak | None) -> Fit:
    """`peak` is given where the device is the one of the record."""
    resolved = _resolve(question, device)
    case, ground = Case(question.model, resolved.run), _ground(question, resolved, device)
    why = cannot_run(device, attention=resolved.inputs["attention"], half=case.e == 2)
    found = fit_on(device, peak or _peak(case, ground), count=resolved.run.gpus, why=why)
    if question.inputs.gpu is None or not question.solve or why is not None:
        return found

    def needs(one: Case) -> float:
        return _peak(one, ground).total_p90_gib

    capacity = device.capacity_gib or 0.0
    batch = max_micro_batch(case, needs, capacity)
    length = max_seq_len(case, needs, capacity, limit=question.context)
    return msgspec.structs.replace(found, max_micro_batch=batch, max_seq_len=length)


def held_by(question: Question, device: Hardware, *, gpus: int, stage: int, ram_gib: float) -> Fit | None:
    """The same run on `gpus` devices with ZeRO `stage` in a machine with so much RAM; None where it cannot run."""
    zero = msgspec.structs.replace(question.inputs.zero, stage=stage)
    asked = msgspec.structs.replace(question, inputs=msgspec.structs.replace(question.inputs, gpus=gpus, zero=zero))
    resolved = _resolve(asked, device)
    case = Case(question.model, resolved.run)
    if check_for_device(case, device, attention=resolved.inputs["attention"]):
        return None
    found = fit_on(device, _peak(case, _ground(asked, resolved, device)), count=gpus)
    return found if _gib(host_bytes(case)) <= ram_gib else msgspec.structs.replace(found, verdict="no")


def _peak(case: Case, ground: Ground) -> Peak:
    return _peak_gib(_sum(_terms(peak_phase(case), ground)), ground)


def _ground(question: Question, resolved: Resolved, device: Hardware) -> Ground:
    case = Case(question.model, resolved.run)
    attention = "eager" if case.run.kernel == "eager" else resolved.inputs["attention"]
    return ground_of(case, device, attention=attention, calibrations=question.calibrations)


def _peak_gib(allocated_gib: float, ground: Ground) -> Peak:
    return peak_of(allocated_gib, ratio=ground.ratio, context_gib=ground.context_gib)


def _resolve(question: Question, device: Hardware) -> Resolved:
    return resolve(question.inputs, question.technique, model=question.model, device=device, seq_len=question.seq_len)


def _terms(phase: Phase, ground: Ground) -> list[Term]:
    terms = [Term(part.term, _gib(part.bytes), part.source) for part in phase.parts]
    return [*terms, Term("constant", _gib(ground.constant_bytes), ground.constant_source)]


def _sum(terms: list[Term]) -> float:
    return round(sum(term.gib for term in terms), DIGITS)


def _gib(size: int) -> float:
    return round(size / GIB, DIGITS)


def _inputs(question: Question, resolved: Resolved) -> dict[str, Any]:
    given = question.inputs
    return {
        "model": question.model_name,
        "techniques": [question.technique],
        **resolved.inputs,
        "gpu": given.gpu,
        "dataset_id": given.dataset_id,
        "tier": given.tier,
    }


def _assumptions(
    question: Question, resolved: Resolved, device: Hardware, reasons: list[str], ground: Ground, peak: Peak
) -> dict[str, Any]:
    case, ratio = Case(question.model, resolved.run), ground.ratio
    model = question.model
    return {
        "defaults": resolved.assumed,
        "device": device.id,
        "seq_len_from": question.measured_by,
        "params": case.parameters,
        "trained_params": trained_parameters(case),
        "architecture": {
            "model_type": model.model_type, "hidden": model.hidden, "intermediate": model.intermediate,
            "layers": model.layers, "heads": model.heads, "kv_heads": model.kv_heads, "head_dim": model.head_dim,
            "vocabulary": model.vocabulary, "tied": model.tied,
        },
        "attention_kernel": resolved.run.kernel,
        "reserved_over_allocated": {"p50": ratio.p50, "p90": ratio.p90},
        "unvalidated": reasons,
        "notes": [
            *notes(case, device, packed=resolved.inputs["packing"]),
            *calibration_notes(ground, allocated_gib=peak.allocated_gib),
            *question.unread,
        ],
        **({} if ground.known is None else {"calibrated_by": calibrated_by(ground.known)}),
    }  # fmt: skip
