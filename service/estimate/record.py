"""Assembles the estimate record of one technique: peak, band, breakdown, verdicts, assumptions."""

from __future__ import annotations

from typing import Any

import msgspec

from service.estimate.adapters import trained_parameters
from service.estimate.defaults import Resolved, check_for_device, resolve
from service.estimate.evidence import notes, unvalidated
from service.estimate.fits import fit_on
from service.estimate.hardware import ANY_GPU, Hardware
from service.estimate.inputs import EstimateInputs, invalid
from service.estimate.notation import GIB, Case
from service.estimate.parts import Phase
from service.estimate.phases import CONSTANT_BYTES, CONSTANT_SOURCE, phases
from service.estimate.reserve import DIGITS, band, peak_of
from service.estimate.sharding import host_bytes
from service.models.architecture import Architecture
from service.records.estimate import Estimate, Fit, Peak, Term
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


def estimate_one(question: Question) -> Estimate:
    """The record.

    Raises:
        TuneGateError: `invalid_input` where the settings cannot run on the device they are asked for.

    """
    named = question.devices if question.inputs.gpu is not None else []
    device = named[0] if named else ANY_GPU
    resolved = _resolve(question, device)
    case = Case(question.model, resolved.run)
    errors = check_for_device(case, device, attention=resolved.inputs["attention"])
    if errors:
        raise invalid(errors)
    found = phases(case)
    top = max(found, key=lambda phase: phase.bytes)
    breakdown = _terms(top)
    peak = _peak_gib(_sum(breakdown), case, device)
    reasons = unvalidated(case, named)
    made = Estimate(
        id="",
        model=question.model_name,
        technique=question.technique,
        inputs=_inputs(question, resolved),
        peak=peak,
        host_ram_gib=peak.total_p90_gib if device.is_cpu else _gib(host_bytes(case)),
        phase=top.name,
        phases={phase.name: _sum(_terms(phase)) for phase in found},
        breakdown=breakdown,
        fits=[_fit(question, row) for row in question.devices],
        evidence="formula",
        validated=not reasons,
        assumptions=_assumptions(question, resolved, device, reasons),
    )
    # what fits depends on the table of devices, and its cpu row on this host
    return msgspec.structs.replace(made, id=record_id(made, without=("fits",)))


def _fit(question: Question, device: Hardware) -> Fit:
    resolved = _resolve(question, device)
    return fit_on(device, _peak(Case(question.model, resolved.run), device), count=resolved.run.gpus)


def _peak(case: Case, device: Hardware) -> Peak:
    top = max(phases(case), key=lambda phase: phase.bytes)
    return _peak_gib(_sum(_terms(top)), case, device)


def _peak_gib(allocated_gib: float, case: Case, device: Hardware) -> Peak:
    ratio = band(case.run.kernel, cuda=case.run.cuda)
    return peak_of(allocated_gib, ratio=ratio, context_gib=device.context_gib)


def _resolve(question: Question, device: Hardware) -> Resolved:
    return resolve(question.inputs, question.technique, model=question.model, device=device, seq_len=question.seq_len)


def _terms(phase: Phase) -> list[Term]:
    terms = [Term(part.term, _gib(part.bytes), part.source) for part in phase.parts]
    return [*terms, Term("constant", _gib(CONSTANT_BYTES), CONSTANT_SOURCE)]


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


def _assumptions(question: Question, resolved: Resolved, device: Hardware, reasons: list[str]) -> dict[str, Any]:
    case = Case(question.model, resolved.run)
    ratio = band(case.run.kernel, cuda=case.run.cuda)
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
        "notes": notes(case, device),
    }  # fmt: skip
