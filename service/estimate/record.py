"""Assembles the estimate record of one technique: peak, band, breakdown, verdicts, assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
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
from service.estimate.notation import GIB, Case, Run
from service.estimate.parts import Phase
from service.estimate.phases import phases
from service.estimate.reserve import DIGITS, peak_of, total_p90
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


class _OnDevice:
    """The run of a question as it is on one device, with what was measured there."""

    def __init__(self, question: Question, device: Hardware, known: dict[Run, list[Phase]] | None = None) -> None:
        """`known` are the phases of runs on other devices, most of which are the same."""
        self.device = device
        self.resolved = resolve(
            question.inputs, question.technique, model=question.model, device=device, seq_len=question.seq_len
        )
        self.case = Case(question.model, self.resolved.run)
        self.attention = str(self.resolved.inputs["attention"])
        run_with = "eager" if self.resolved.run.kernel == "eager" else self.attention
        self._known = {} if known is None else known
        self.ground = ground_of(self.case, device, attention=run_with, calibrations=question.calibrations)

    @cached_property
    def phases(self) -> list[Phase]:
        run = self.case.run
        if run not in self._known:
            self._known[run] = phases(self.case)
        return self._known[run]

    @cached_property
    def top(self) -> Phase:
        return max(self.phases, key=lambda phase: phase.bytes)

    @cached_property
    def peak(self) -> Peak:
        return _peak_gib(_allocated(self.top, self.ground), self.ground)


def estimate_one(question: Question) -> Estimate:
    """The record.

    Raises:
        TuneGateError: `invalid_input` where the settings cannot run on the device they are asked for.

    """
    named = question.devices if question.inputs.gpu is not None else []
    one = _first_that_runs(question, named)
    device, case, peak, ground = one.device, one.case, one.peak, one.ground
    known = {case.run: one.phases}
    judged = [one if row is one.device else _OnDevice(question, row, known) for row in question.devices]
    if ground.known is not None:
        vouched = device.validated or is_comparable(ground.known, peak.allocated_gib)
        device = msgspec.structs.replace(device, validated=vouched, context_verified=True)
    reasons = unvalidated(case, [device, *(row for row in named if row.id != device.id)] if named else [])
    made = Estimate(
        id="",
        model=question.model_name,
        technique=question.technique,
        inputs=_inputs(question, one.resolved),
        peak=peak,
        host_ram_gib=peak.total_p90_gib if device.is_cpu else _gib(host_bytes(case)),
        phase=one.top.name,
        phases={phase.name: _allocated(phase, ground) for phase in one.phases},
        breakdown=_terms(one.top, ground),
        fits=[_fit(question, other) for other in judged],
        evidence="formula",
        validated=not reasons,
        assumptions=_assumptions(question, one, device, reasons),
    )
    return msgspec.structs.replace(made, id=record_id(made, without=NOT_IN_ID))


def _first_that_runs(question: Question, named: list[Hardware]) -> _OnDevice:
    """The run on the first of the named devices that can run it; on some GPU where none is named.

    Raises:
        TuneGateError: `invalid_input` with an item per device where none of them can.

    """
    errors: list[ErrorItem] = []
    for device in named or [ANY_GPU]:
        one = _OnDevice(question, device)
        found = check_for_device(one.case, device, attention=one.attention)
        if not found:
            return one
        errors += found
    raise invalid(errors)


def _fit(question: Question, one: _OnDevice) -> Fit:
    why = cannot_run(one.device, attention=one.attention, half=one.case.e == 2)
    found = fit_on(one.device, one.peak, count=one.resolved.run.gpus, why=why)
    if question.inputs.gpu is None or not question.solve or why is not None:
        return found
    asked = _needs(one.phases, one.ground)

    def needs(case: Case) -> list[float]:
        return asked if case is one.case else _needs(phases(case), one.ground)

    capacity = one.device.capacity_gib or 0.0
    batch = max_micro_batch(one.case, needs, capacity)
    length = max_seq_len(one.case, needs, capacity, limit=question.context)
    return msgspec.structs.replace(found, max_micro_batch=batch, max_seq_len=length)


def _needs(found: list[Phase], ground: Ground) -> list[float]:
    """What each phase needs at P90, in GiB; the largest as a record has it, the others without its roundings."""
    sizes = [phase.bytes for phase in found]
    largest = max(sizes)
    allocated = _allocated(found[sizes.index(largest)], ground)
    top = total_p90(allocated, ratio=ground.ratio, context_gib=ground.context_gib)
    each, rest = ground.ratio.p90 / GIB, ground.context_gib + ground.constant_bytes * ground.ratio.p90 / GIB
    return [top if size == largest else min(top, size * each + rest) for size in sizes]


def held_by(question: Question, device: Hardware, *, gpus: int, stage: int, ram_gib: float) -> Fit | None:
    """The same run on `gpus` devices with ZeRO `stage` in a machine with so much RAM; None where it cannot run."""
    zero = msgspec.structs.replace(question.inputs.zero, stage=stage)
    asked = msgspec.structs.replace(question, inputs=msgspec.structs.replace(question.inputs, gpus=gpus, zero=zero))
    one = _OnDevice(asked, device)
    if check_for_device(one.case, device, attention=one.attention):
        return None
    found = fit_on(device, one.peak, count=gpus)
    return found if _gib(host_bytes(one.case)) <= ram_gib else msgspec.structs.replace(found, verdict="no")


def _peak_gib(allocated_gib: float, ground: Ground) -> Peak:
    return peak_of(allocated_gib, ratio=ground.ratio, context_gib=ground.context_gib)


def _terms(phase: Phase, ground: Ground) -> list[Term]:
    terms = [Term(part.term, _gib(part.bytes), part.source) for part in phase.parts]
    return [*terms, Term("constant", _gib(ground.constant_bytes), ground.constant_source)]


def _allocated(phase: Phase, ground: Ground) -> float:
    """The sum of its terms, without them."""
    return round(sum([_gib(part.bytes) for part in phase.parts]) + _gib(ground.constant_bytes), DIGITS)


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


def _assumptions(question: Question, one: _OnDevice, device: Hardware, reasons: list[str]) -> dict[str, Any]:
    model, case, resolved, ground = question.model, one.case, one.resolved, one.ground
    ratio = ground.ratio
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
            *calibration_notes(ground, allocated_gib=one.peak.allocated_gib),
            *question.unread,
        ],
        **({} if ground.known is None else {"calibrated_by": calibrated_by(ground.known)}),
    }  # fmt: skip
