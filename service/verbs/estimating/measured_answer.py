"""What a measurement becomes: the estimate, and the rows that calibrate later ones."""

from __future__ import annotations

from typing import Any

import msgspec

from service.estimate.calibration import Known, Row, calibrated_by, quantisation_of
from service.estimate.compared import TOLERANCE, Comparison
from service.estimate.fits import fit_on
from service.estimate.hardware import Hardware
from service.estimate.notation import GIB, MIB, Case
from service.estimate.phases import peak as peak_phase
from service.estimate.phases import phases
from service.estimate.reserve import CPU, DIGITS, EAGER, FUSED, Band, peak_of
from service.records.estimate import Estimate, Fit, Peak, Term
from service.settings import Settings
from service.verbs.estimating.calibrations import DeviceFile, Key, add_rows
from trainers.contract import MeasuredShape, Measurement

_SOURCE = "measured: real steps on this machine with random weights"
_REST = "measured beyond the formula's terms"
# other processes on the same device are worth a word from here on
_NOTICED = 256 * MIB
# a kernel of the formulas as torch.nn.attention.SDPBackend names it
_BACKENDS = {"flash": "flash_attention", "efficient": "efficient_attention", "math": "math"}


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement with what it was of; `comparison` and `case` are null where no formula covers it."""

    technique: str
    model: str
    attention: str
    row: Hardware
    measurement: Measurement
    comparison: Comparison | None
    case: Case | None
    measured_at: str
    others_bytes: int
    assumed: dict[str, Any]
    measured_by: str | None

    @property
    def published(self) -> Band:
        """Reserved over allocated where nothing was measured here."""
        if self.row.is_cpu:
            return CPU
        return EAGER if self.ran == "eager" else FUSED

    @property
    def ran(self) -> str:
        """The attention that ran: a class that cannot run what was asked for runs eagerly."""
        return "eager" if self.case is not None and self.case.run.kernel == "eager" else self.attention


def kept(answered: Answered, settings: Settings) -> Known | None:
    """The device's calibration with this measurement in it; None where there is no formula, or it is wrong."""
    comparison, found = answered.comparison, answered.measurement
    if comparison is None or comparison.is_bug:
        return None
    row = answered.row
    file = DeviceFile(
        device=row.id, reported_as=found.device, capability=found.capability, capacity_gib=row.capacity_gib or 0.0
    )
    key = Key(
        torch=found.versions.get("torch", ""),
        transformers=found.versions.get("transformers", ""),
        attention=answered.ran,
        quantisation=quantisation_of(answered.technique),
    )
    rows = [
        Row(
            measured_at=answered.measured_at,
            model=answered.model,
            technique=answered.technique,
            micro_batch=shape.micro_batch,
            seq_len=shape.seq_len,
            allocated_mib=_mib(_allocated(shape)),
            reserved_mib=None if (reserved := _reserved(shape)) is None else _mib(reserved),
            context_mib=_mib(found.context or 0),
            constant_mib=_mib(comparison.constant_bytes),
        )
        for shape in found.shapes
    ]
    return add_rows(settings, file, key, rows, published=answered.published)


def of_steps(answered: Answered, inputs: dict[str, Any], known: Known | None) -> Estimate:
    """The estimate of steps that ran."""
    found, row = answered.measurement, answered.row
    shape = found.shapes[0]
    allocated, reserved = _allocated(shape), _reserved(shape)
    ratio = answered.published
    if reserved is not None:
        middle = round(reserved / allocated, 6)
        upper = max(_ratio(one) for one in found.shapes)
        fitted = known.calibration.reserved_p90 if known else middle * ratio.p90 / ratio.p50
        ratio = Band(middle, max(upper, fitted))
    context = row.context_gib if found.context is None else found.context / GIB
    peak = peak_of(_gib(allocated), ratio=ratio, context_gib=context)
    phase = max(shape.phases, key=lambda name: shape.phases[name].allocated)
    return Estimate(
        id="",
        model=answered.model,
        technique=answered.technique,
        inputs=inputs,
        peak=peak,
        host_ram_gib=peak.total_p90_gib if row.is_cpu else 0.0,
        phase=phase,
        phases={name: _gib(one.allocated) for name, one in shape.phases.items()},
        breakdown=_breakdown(answered, phase, peak),
        fits=[fit_on(row, peak, count=1)],
        evidence="measured",
        validated=True,
        assumptions=_assumptions(answered, ratio, known),
    )


def of_memory_that_ended(answered: Answered, inputs: dict[str, Any]) -> Estimate:
    """The estimate of steps that did not fit: no, with what was reached; the figures are lower bounds."""
    found, row, end = answered.measurement, answered.row, answered.measurement.out_of_memory
    if end is None:
        raise ValueError("a measurement without shapes has the place where its memory ended")
    allocated, reserved = end.reached.allocated, end.reached.reserved or end.reached.allocated
    ratio = Band(*[round(reserved / allocated, 6) if allocated else 1.0] * 2)
    peak = peak_of(_gib(allocated), ratio=ratio, context_gib=0.0 if found.context is None else found.context / GIB)
    asked = _gib(peak_phase(answered.case).bytes) if answered.case else None
    short = min(0.0, round((row.capacity_gib or 0.0) - (asked or 0.0), DIGITS)) if asked else 0.0
    return Estimate(
        id="",
        model=answered.model,
        technique=answered.technique,
        inputs=inputs,
        peak=peak,
        host_ram_gib=peak.total_p90_gib if row.is_cpu else 0.0,
        phase=end.phase,
        phases={end.phase: peak.allocated_gib},
        breakdown=[Term("reached", peak.allocated_gib, "measured when the memory ended")],
        fits=[Fit(gpu=row.id, count=1, verdict="no", headroom_gib=short)],
        evidence="measured",
        validated=True,
        assumptions=_assumptions(answered, ratio, None)
        | {
            "out_of_memory": {
                "phase": end.phase,
                "allocated_gib": peak.allocated_gib,
                "reserved_gib": peak.reserved_p50_gib,
                "formula_gib": asked,
            }
        },
    )


def _breakdown(answered: Answered, phase: str, peak: Peak) -> list[Term]:
    """The formula's terms of that phase and what is left; without a formula, the tensors that could be counted."""
    found, case = answered.measurement, answered.case
    if case is not None and answered.comparison is not None:
        named = {one.name: one for one in phases(case)}
        parts = named.get(phase) or max(named.values(), key=lambda one: one.bytes)
        terms = [Term(part.term, _gib(part.bytes), part.source) for part in parts.parts]
        terms.append(Term("constant", _gib(answered.comparison.constant_bytes), _SOURCE))
        rest = "unexplained"
    else:
        held = {"weights": found.weights, "adapter": found.adapter, "optimizer": found.optimizer}
        terms = [Term(name, _gib(size), _SOURCE) for name, size in held.items() if size]
        rest = "activations_and_temporaries"
    left = round(peak.allocated_gib - sum(term.gib for term in terms), DIGITS)
    return [*terms, Term(rest, left, _REST)]


def _assumptions(answered: Answered, ratio: Band, known: Known | None) -> dict[str, Any]:
    found, comparison = answered.measurement, answered.comparison
    made: dict[str, Any] = {
        "defaults": answered.assumed,
        "device": answered.row.id,
        "seq_len_from": answered.measured_by,
        "params": found.parameters,
        "trained_params": found.trained_parameters,
        "attention_kernel": found.kernel or "eager",
        "reserved_over_allocated": {"p50": round(ratio.p50, 4), "p90": round(ratio.p90, 4)},
        "unvalidated": [],
        "measured": {
            "device": found.device,
            "capability": found.capability,
            "total_gib": _gib(found.total),
            "versions": found.versions,
            "steps": found.steps,
            "load_peak_gib": _gib(found.load.allocated),
            "loaded_gib": _gib(found.loaded),
            "shapes": [_shown(shape) for shape in found.shapes],
        },
        "formula": None if comparison is None else msgspec.to_builtins(comparison),
        "notes": _notes(answered, known),
    }
    if known is not None:
        made["calibrated"] = calibrated_by(known)
    if comparison is not None and comparison.is_bug:
        made["formula_bug"] = {"text": _bug(comparison), "phases": msgspec.to_builtins(comparison.phases)}
    return made


def _notes(answered: Answered, known: Known | None) -> list[str]:
    found, end = answered.measurement, answered.measurement.out_of_memory
    others = answered.others_bytes / GIB
    texts = {
        f"Real steps with random weights on {found.device}; torch {found.versions.get('torch')}.": True,
        f"Kept for later estimates: {known.file if known else ''}.": known is not None,
        "No formula covers this, so nothing was calibrated.": answered.comparison is None and bool(found.shapes),
        f"Other processes held {others:.2f} GiB of this device.": answered.others_bytes > _NOTICED,
        "CPU: reserved memory is the published band; the libraries' own memory is not in the figures.": (
            answered.row.is_cpu
        ),
    }
    notes = [text for text, applies in texts.items() if applies]
    if answered.comparison is not None and answered.comparison.is_bug:
        notes.append(_bug(answered.comparison))
    case = answered.case
    if case is not None and case.run.cuda and found.kernel and _BACKENDS.get(case.run.kernel) != found.kernel:
        notes.append(f"Attention ran as {found.kernel}; the formula counts {case.run.kernel}.")
    if end is not None:
        notes.append(
            f"Out of memory in phase {end.phase} at {end.micro_batch} x {end.seq_len} tokens, with "
            f"{end.reached.allocated / GIB:.2f} GiB allocated"
            + ("." if found.shapes else ": this does not fit; the figures are what was reached, not what is needed.")
        )
    return notes


def _bug(comparison: Comparison) -> str:
    table = "; ".join(
        f"{pair.phase} {_cell(pair.measured_gib)} against {_cell(pair.formula_gib)}" for pair in comparison.phases
    )
    return (
        f"Measured and formula differ by {comparison.difference:+.1%} of what was measured (allowed: {TOLERANCE:.0%}). "
        f"That is a bug of the formula: nothing was calibrated, and the measured figures stand. GiB measured against "
        f"formula: {table}. To report it, open an issue with this record (--format json); it holds no data."
    )


def _cell(gib: float | None) -> str:
    return "-" if gib is None else f"{gib:.3f}"


def _shown(shape: MeasuredShape) -> dict[str, Any]:
    reserved = _reserved(shape)
    return {
        "micro_batch": shape.micro_batch,
        "seq_len": shape.seq_len,
        "allocated_gib": _gib(_allocated(shape)),
        "reserved_gib": None if reserved is None else _gib(reserved),
        "phases": {
            name: {
                "allocated_gib": _gib(one.allocated),
                "reserved_gib": None if one.reserved is None else _gib(one.reserved),
            }
            for name, one in shape.phases.items()
        },
    }


def _allocated(shape: MeasuredShape) -> int:
    return max(one.allocated for one in shape.phases.values())


def _reserved(shape: MeasuredShape) -> int | None:
    sizes = [one.reserved for one in shape.phases.values() if one.reserved is not None]
    return max(sizes) if sizes else None


def _ratio(shape: MeasuredShape) -> float:
    return (_reserved(shape) or 0) / _allocated(shape)


def _gib(size: int) -> float:
    return round(size / GIB, DIGITS)


def _mib(size: int) -> float:
    return round(size / MIB, 3)
