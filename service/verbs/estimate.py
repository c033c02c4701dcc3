"""estimate: a model and settings in, peak memory per technique and a verdict per device out."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.estimate.defaults import DEFAULT_SEQ_LEN, check_for_model
from service.estimate.hardware import Hardware, chosen, hardware_table
from service.estimate.inputs import (
    DEFAULT_TECHNIQUES,
    AdapterInputs,
    EstimateInputs,
    check_inputs,
    invalid,
    read_inputs,
    require_types,
)
from service.estimate.record import Question, estimate_one
from service.models.architecture import WITHOUT_FORMULA, Architecture, read_architecture
from service.models.resolve import resolve_model
from service.records.estimate import Estimate, EstimateSet
from service.records.lint_report import LintReport
from service.settings import Settings

__all__ = ["AdapterInputs", "EstimateInputs", "answer", "estimate", "read_inputs"]

LENGTH_FACT = "data.tokens_max"
# batches are padded to the longest row; rounding up keeps an estimate stable over small changes of the data
_LENGTH_STEP = 64


def estimate(
    inputs: EstimateInputs, *, rules: RuleFiles, settings: Settings, report: LintReport | None = None
) -> list[Estimate]:
    """One record per technique, in the order asked; no technique means all that have a formula.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable, `unreadable_model`, `unsupported_family`.

    """
    require_types(inputs)
    devices, errors = chosen(_names(inputs.gpu), hardware_table(rules))
    errors += check_inputs(inputs)
    if inputs.dataset_id is not None and report is None:
        what = "a dataset id without its lint report"
        errors.append(ErrorItem("dataset_id", what, "an id that this service holds", "Give the report: --report."))
    if inputs.tier == "simulated":
        return _simulated(inputs, devices, errors, rules=rules, settings=settings, report=report)
    name, architecture = _architecture(inputs, errors, rules=rules, settings=settings)
    errors += check_for_model(inputs, architecture)
    if errors:
        raise invalid(errors)
    measured = _measured_length(report)
    longest = measured or DEFAULT_SEQ_LEN
    return [
        estimate_one(
            Question(
                inputs=inputs,
                technique=technique,
                model_name=name,
                model=architecture,
                devices=devices,
                seq_len=min(longest, architecture.positions or longest),
                measured_by=report.id if report and measured and inputs.seq_len is None else None,
            )
        )
        for technique in dict.fromkeys(inputs.techniques or DEFAULT_TECHNIQUES)
    ]


def _simulated(
    inputs: EstimateInputs,
    devices: list[Hardware],
    errors: list[ErrorItem],
    *,
    rules: RuleFiles,
    settings: Settings,
    report: LintReport | None,
) -> list[Estimate]:
    from service.verbs.estimate_simulated import SimulatedModel, estimate_simulated, unsimulated

    errors += unsimulated(inputs)
    if errors:
        raise invalid(errors)
    found = resolve_model(inputs.model, rules=rules, settings=settings)
    measured = _measured_length(report)
    longest, most = measured or DEFAULT_SEQ_LEN, found.config.get("max_position_embeddings")
    return [
        estimate_simulated(
            inputs,
            technique,
            model=SimulatedModel(found.name, found.config),
            devices=devices,
            seq_len=min(longest, most) if isinstance(most, int) and most > 0 else longest,
            measured_by=report.id if report and measured and inputs.seq_len is None else None,
        )
        for technique in dict.fromkeys(inputs.techniques or DEFAULT_TECHNIQUES)
    ]


def answer(estimates: list[Estimate]) -> Estimate | EstimateSet:
    """One technique gives the object, several the set."""
    return estimates[0] if len(estimates) == 1 else EstimateSet(estimates)


def _architecture(
    inputs: EstimateInputs, errors: list[ErrorItem], *, rules: RuleFiles, settings: Settings
) -> tuple[str, Architecture]:
    """The model's name and sizes; a model that cannot be read joins the other errors where there are some."""
    try:
        model = resolve_model(inputs.model, rules=rules, settings=settings)
        architecture = read_architecture(model.config, where=model.name)
        _require_sized(model.name, architecture)
    except TuneGateError as error:
        if not errors:
            raise
        raise invalid([*errors, ErrorItem("model", error.detail.rstrip("."), None, error.remedy or None)]) from error
    return model.name, architecture


def _require_sized(name: str, model: Architecture) -> None:
    if why := model.family.unsized:
        what = f"{name}: no memory formula for model_type {model.model_type!r}: {why}."
        raise TuneGateError("unsupported_family", what, remedy=WITHOUT_FORMULA)


def _measured_length(report: LintReport | None) -> int | None:
    longest = report.facts.get(LENGTH_FACT) if report else None
    if isinstance(longest, bool) or not isinstance(longest, int | float) or longest < 1:
        return None
    return -(-int(longest) // _LENGTH_STEP) * _LENGTH_STEP


def _names(gpu: str | list[str] | None) -> list[str]:
    if gpu is None:
        return []
    return [gpu] if isinstance(gpu, str) else gpu
