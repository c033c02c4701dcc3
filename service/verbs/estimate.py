"""estimate: a model and settings in, peak memory per technique and a verdict per device out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from service.estimate.smallest import cheapest
from service.models.architecture import Architecture, read_architecture
from service.models.resolve import resolve_model
from service.records.estimate import Estimate, EstimateSet
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimate_cost import Costing, unknown_service, with_costs
from service.verbs.estimate_places import Places
from service.verbs.estimate_simulated import SimulatedModel, estimate_simulated, unsimulated

__all__ = ["AdapterInputs", "EstimateInputs", "answer", "estimate", "read_inputs"]

LENGTH_FACT = "data.tokens_max"
# batches are padded to the longest row; rounding up keeps an estimate stable over small changes of the data
_LENGTH_STEP = 64


def estimate(
    inputs: EstimateInputs,
    *,
    rules: RuleFiles,
    settings: Settings,
    report: LintReport | None = None,
    peak_only: bool = False,
) -> list[Estimate]:
    """One record per technique, in the order asked; no technique means all that have a formula.

    `peak_only` leaves out the machines to rent and the largest sizes that fit, for callers that only judge.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable, `unreadable_model`, `unsupported_family`.

    """
    require_types(inputs)
    devices, errors = chosen(_names(inputs.gpu), hardware_table(rules))
    errors += check_inputs(inputs) + unknown_service(inputs, rules)
    if inputs.dataset_id is not None and report is None:
        what = "a dataset id without its lint report"
        errors.append(ErrorItem("dataset_id", what, "an id that this service holds", "Give the report: --report."))
    if inputs.tier == "simulated":
        found = _simulated(inputs, devices, errors, rules=rules, settings=settings, report=report)
        return found if peak_only else Places(rules, devices).all(found)
    name, architecture, context = _architecture(inputs, errors, rules=rules, settings=settings)
    errors += check_for_model(inputs, architecture)
    if errors:
        raise invalid(errors)
    measured = _measured_length(report)
    longest = measured or DEFAULT_SEQ_LEN
    seq_len = min(longest, architecture.positions or longest)
    questions = [
        Question(
            inputs=inputs,
            technique=technique,
            model_name=name,
            model=architecture,
            devices=devices,
            seq_len=seq_len,
            measured_by=report.id if report and measured and inputs.seq_len is None else None,
            context=context,
            solve=not peak_only,
        )
        for technique in dict.fromkeys(inputs.techniques or DEFAULT_TECHNIQUES)
    ]
    made = [estimate_one(question) for question in questions]
    if peak_only:
        return made
    costing = Costing(inputs=inputs, devices=devices, seq_len=seq_len, report=report, model=architecture)
    return with_costs(Places(rules, devices).all(made, questions), costing, rules)


def _simulated(
    inputs: EstimateInputs,
    devices: list[Hardware],
    errors: list[ErrorItem],
    *,
    rules: RuleFiles,
    settings: Settings,
    report: LintReport | None,
) -> list[Estimate]:
    errors += unsimulated(inputs)
    if errors:
        raise invalid(errors)
    found = resolve_model(inputs.model, rules=rules, settings=settings)
    measured = _measured_length(report)
    longest = measured or DEFAULT_SEQ_LEN
    seq_len = min(longest, _context(found.config) or longest)
    made = [
        estimate_simulated(
            inputs,
            technique,
            model=SimulatedModel(found.name, found.config),
            devices=devices,
            seq_len=seq_len,
            measured_by=report.id if report and measured and inputs.seq_len is None else None,
        )
        for technique in dict.fromkeys(inputs.techniques or DEFAULT_TECHNIQUES)
    ]
    costing = Costing(inputs=inputs, devices=devices, seq_len=seq_len, report=report, config=found.config)
    return with_costs(made, costing, rules)


def answer(estimates: list[Estimate]) -> Estimate | EstimateSet:
    """One technique gives the object, several the set."""
    return estimates[0] if len(estimates) == 1 else EstimateSet(estimates, cheapest(estimates))


def _architecture(
    inputs: EstimateInputs, errors: list[ErrorItem], *, rules: RuleFiles, settings: Settings
) -> tuple[str, Architecture, int | None]:
    """The model's name, sizes and context; a model that cannot be read joins the other errors where there are some."""
    try:
        model = resolve_model(inputs.model, rules=rules, settings=settings)
        return model.name, read_architecture(model.config, where=model.name), _context(model.config)
    except TuneGateError as error:
        if not errors:
            raise
        raise invalid([*errors, ErrorItem("model", error.detail.rstrip("."), None, error.remedy or None)]) from error


def _context(config: Mapping[str, Any]) -> int | None:
    most = config.get("max_position_embeddings")
    return most if isinstance(most, int) and most > 0 else None


def _measured_length(report: LintReport | None) -> int | None:
    longest = report.facts.get(LENGTH_FACT) if report else None
    if isinstance(longest, bool) or not isinstance(longest, int | float) or longest < 1:
        return None
    return -(-int(longest) // _LENGTH_STEP) * _LENGTH_STEP


def _names(gpu: str | list[str] | None) -> list[str]:
    if gpu is None:
        return []
    return [gpu] if isinstance(gpu, str) else gpu
