"""The simulated tier of estimate: the real classes on tensors without memory, run once per kind of device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from service.errors import ErrorItem
from service.estimate.defaults import cannot_run, nested, settings_of
from service.estimate.fits import fit_on
from service.estimate.hardware import ANY_GPU, Hardware
from service.estimate.inputs import EstimateInputs, invalid
from service.estimate.kernels import attention_that_runs, choose_kernel
from service.estimate.notation import GIB, QUANTISED
from service.estimate.phases import CONSTANT_BYTES, CONSTANT_SOURCE
from service.estimate.reserve import DIGITS, Band, band, peak_of
from service.launch.simulation import run_simulation
from service.models.architecture import all_windowed
from service.models.families import FAMILIES
from service.records.estimate import NOT_IN_ID, Estimate, Peak, Term
from service.records.identity import record_id
from trainers.contract import KEPT_IN_CACHE, Simulation, SimulationQuestion

_SOURCE = "simulated: the model's own class, peft and optimizer on tensors without memory"
_SHOWN = 10


class SimulatedModel(msgspec.Struct, frozen=True):
    """A model as its name and its config.json."""

    name: str
    config: Mapping[str, Any]


def unsimulated(inputs: EstimateInputs) -> list[ErrorItem]:
    """What the simulation cannot answer."""
    found = []
    if inputs.zero.stage or (inputs.gpus or 1) > 1:
        seen = f"stage {inputs.zero.stage or 0} on {inputs.gpus or 1} device(s)"
        found.append(ErrorItem("zero.stage", seen, "stage 0 on one device", "Several devices: the formula tier."))
    if inputs.loss not in (None, "hf"):
        found.append(ErrorItem("loss", str(inputs.loss), "hf", "Other losses: the formula tier."))
    return found


def estimate_simulated(
    inputs: EstimateInputs,
    technique: str,
    *,
    model: SimulatedModel,
    devices: Sequence[Hardware],
    seq_len: int,
    measured_by: str | None,
) -> Estimate:
    """The record of one technique; devices that need another simulation are judged only where they are named.

    Raises:
        TuneGateError: `missing_extra`, `unsupported_family`, `target_cannot`, `trainer_died`.

    """
    named = list(devices) if inputs.gpu is not None else []
    # what such a method trains, layers that are computed again do not see
    checkpointing = str((inputs.peft or {}).get("peft_type", "")).upper() not in KEPT_IN_CACHE

    def settings_on(row: Hardware) -> tuple[dict[str, Any], dict[str, Any]]:
        return settings_of(inputs, technique, device=row, seq_len=seq_len, checkpointing=checkpointing)

    def refused(row: Hardware) -> str | None:
        values, _ = settings_on(row)
        return cannot_run(row, attention=values["attention"], half=_is_half(technique, values))

    device = _first_that_runs(named or [ANY_GPU], refused)
    settings, assumed = settings_on(device)
    question = simulation_question(inputs, technique, settings, model=model, device=device)
    answers: dict[bytes, Simulation] = {}

    def answered(asked: SimulationQuestion) -> Simulation:
        key = msgspec.json.encode(asked)
        if key not in answers:
            answers[key] = run_simulation(asked)
        return answers[key]

    answer = answered(question)
    peak = _peak(answer, question, device)
    fits = []
    for row in devices:
        if why := refused(row):
            fits.append(fit_on(row, peak, count=1, why=why))
            continue
        values, _ = settings_on(row)
        asked = simulation_question(inputs, technique, values, model=model, device=row)
        if named or asked == question:
            fits.append(fit_on(row, _peak(answered(asked), asked, row), count=1))
    reasons = [f"hardware {row.id}: no measured run" for row in named if not row.validated]
    reasons += [] if named else ["no device was named"]
    made = Estimate(
        id="",
        model=model.name,
        technique=technique,
        inputs=said_of(inputs, technique, settings, model=model),
        peak=peak,
        host_ram_gib=peak.total_p90_gib if device.is_cpu else 0.0,
        phase=answer.phase,
        phases={name: _with_constant(size) for name, size in answer.phases.items()},
        breakdown=_breakdown(answer),
        fits=fits,
        evidence="simulated",
        validated=not reasons,
        assumptions=_assumptions(answer, question, assumed, device, reasons, measured_by),
        timeline=[(at, round(size / GIB, DIGITS)) for at, size in answer.timeline],
    )
    return msgspec.structs.replace(made, id=record_id(made, without=NOT_IN_ID))


def said_of(
    inputs: EstimateInputs, technique: str, settings: Mapping[str, Any], *, model: SimulatedModel
) -> dict[str, Any]:
    """The inputs as the record of a simulation or a measurement has them."""
    return {
        "model": model.name,
        "techniques": [technique],
        **nested(dict(settings)),
        "peft": inputs.peft,
        "gpu": inputs.gpu,
        "dataset_id": inputs.dataset_id,
        "tier": inputs.tier,
    }


def _first_that_runs(rows: Sequence[Hardware], refused: Callable[[Hardware], str | None]) -> Hardware:
    """The device that the record is for.

    Raises:
        TuneGateError: `invalid_input` with an item per device where none of them can run it.

    """
    errors = []
    for row in rows:
        why = refused(row)
        if why is None:
            return row
        errors.append(ErrorItem("attention", f"flash on {row.id}", "sdpa, eager", f"{why}."))
    raise invalid(errors)


def _is_half(technique: str, settings: Mapping[str, Any]) -> bool:
    """Whether activations have 16 bits."""
    kept_whole = technique in QUANTISED and settings["kbit_prepare"]
    return settings["autocast"] != "none" or (settings["base_dtype"] != "fp32" and not kept_whole)


def simulation_question(
    inputs: EstimateInputs, technique: str, settings: Mapping[str, Any], *, model: SimulatedModel, device: Hardware
) -> SimulationQuestion:
    heads, groups = model.config.get("num_attention_heads"), model.config.get("num_key_value_heads")
    family = FAMILIES.get(str(model.config.get("model_type")))
    kernel, _ = choose_kernel(
        attention_that_runs(settings["attention"], caps_scores=family is not None and family.softcaps),
        padded=settings["padded"] or settings["packing"] or all_windowed(model.config, length=settings["seq_len"]),
        grouped=isinstance(heads, int) and isinstance(groups, int) and groups < heads,
        half=_is_half(technique, settings),
        capability=device.capability,
        cuda=not device.is_cpu,
    )
    step = step_of(inputs, technique, settings, config=model.config)
    return SimulationQuestion(**step, kernel=kernel, cuda=not device.is_cpu)


def step_of(
    inputs: EstimateInputs, technique: str, settings: Mapping[str, Any], *, config: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of a `StepQuestion`."""
    quantised = technique in QUANTISED
    return {
        "config": dict(config),
        "technique": technique,
        "micro_batch": settings["micro_batch"],
        "seq_len": settings["seq_len"],
        "base_dtype": settings["base_dtype"],
        "autocast": settings["autocast"],
        "double_quant": not quantised or settings["double_quant"],
        "kbit_prepare": quantised and settings["kbit_prepare"],
        "r": settings["adapter.r"] or 1,
        "targets": settings["adapter.targets"] or "all-linear",
        "dropout": settings["adapter.dropout"] or 0.0,
        "adapter_dtype": settings["adapter.dtype"] or "fp32",
        "virtual_tokens": settings["adapter.virtual_tokens"] or 1,
        "peft": inputs.peft,
        "padded": settings["padded"] or settings["packing"],
        "grad_accum": min(settings["grad_accum"], 2),  # a third pass needs what the second did
        "checkpointing": settings["checkpointing"],
        "optimizer": settings["optimizer"],
        "keep_logits": settings["keep_logits"],
    }


def _peak(answer: Simulation, question: SimulationQuestion, device: Hardware) -> Peak:
    return peak_of(_with_constant(answer.allocated), ratio=_band(answer, question), context_gib=device.context_gib)


def _band(answer: Simulation, question: SimulationQuestion) -> Band:
    """The allocator's own answer as the median on a GPU; its upper end is what was measured on real runs."""
    measured = band(question.kernel, cuda=question.cuda)
    if not question.cuda:
        return measured
    middle = round(answer.reserved / answer.allocated, 4)
    return Band(middle, max(middle, measured.p90))


def _breakdown(answer: Simulation) -> list[Term]:
    """Rounded so that the terms sum to the peak."""
    terms = [Term(name, round(size / GIB, DIGITS), _SOURCE) for name, size in sorted(answer.categories.items())]
    constant = Term("constant", round(CONSTANT_BYTES / GIB, DIGITS), CONSTANT_SOURCE)
    off = _with_constant(answer.allocated) - sum(term.gib for term in [*terms, constant])
    largest = max(terms, key=lambda term: term.gib)
    exact = msgspec.structs.replace(largest, gib=round(largest.gib + off, DIGITS))
    return [*(exact if term is largest else term for term in terms), constant]


def _with_constant(size: int) -> float:
    return round((size + CONSTANT_BYTES) / GIB, DIGITS)


def _assumptions(
    answer: Simulation,
    question: SimulationQuestion,
    assumed: dict[str, Any],
    device: Hardware,
    reasons: list[str],
    measured_by: str | None,
) -> dict[str, Any]:
    ratio = _band(answer, question)
    return {
        "defaults": assumed,
        "device": device.id,
        "seq_len_from": measured_by,
        "params": answer.parameters,
        "trained_params": answer.trained_parameters,
        "attention_kernel": question.kernel,
        "reserved_over_allocated": {"p50": ratio.p50, "p90": ratio.p90},
        "unvalidated": reasons,
        "largest_at_peak": msgspec.to_builtins(answer.largest[:_SHOWN]),
        "notes": [
            "The second training step on tensors without memory; CUDA's own kernels are emulated on fake CPU tensors.",
            "reserved_p50 is what CUDA's caching allocator would reserve for the same requests of one shape.",
        ],
    }
