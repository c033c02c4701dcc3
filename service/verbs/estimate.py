"""estimate: a model and settings in, peak memory per technique and a verdict per device out."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import ErrorItem
from service.estimate.cost_inputs import TrainingInputs, UsageInputs
from service.estimate.hardware import chosen, hardware_table
from service.estimate.inputs import AdapterInputs, EstimateInputs, check_inputs, read_inputs, require_types
from service.estimate.smallest import cheapest
from service.records.estimate import Estimate, EstimateSet
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimating.calibrations import measured_devices
from service.verbs.estimating.notes import noted
from service.verbs.estimating.places import Places
from service.verbs.estimating.tiers import TIERS, Asked

__all__ = ["AdapterInputs", "EstimateInputs", "answer", "estimate", "read_inputs"]


def estimate(
    inputs: EstimateInputs,
    *,
    rules: RuleFiles,
    settings: Settings,
    report: LintReport | None = None,
    peak_only: bool = False,
) -> list[Estimate]:
    """One record per technique, in the order asked; no technique means all that have a formula.

    `peak_only` leaves out the machines to rent, the largest sizes that fit, time and money, for callers that only
    judge.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable, `unreadable_model`, `unsupported_family`,
            `missing_gpu`, and what a simulation or a measurement ends in.

    """
    require_types(inputs)
    table, names = hardware_table(rules), _names(inputs.gpu)
    table |= measured_devices(settings, table) if names else {}
    devices, errors = ([], []) if inputs.tier == "measured" else chosen(names, table)
    errors += check_inputs(inputs)
    if inputs.usage.replaces is not None:
        from service.verbs.estimating.cost import unknown_service

        errors += unknown_service(inputs, rules)
    if inputs.dataset_id is not None and report is None:
        what = "a dataset id without its lint report"
        errors.append(ErrorItem("dataset_id", what, "an id that this service holds", "Give the report: --report."))
    asked = Asked(
        inputs=inputs, rules=rules, settings=settings, report=report, names=names, table=table, devices=devices,
        solve=not peak_only,
    )  # fmt: skip
    found = TIERS[inputs.tier](asked, errors)
    named = devices if names else []
    made = noted(found.estimates, inputs, named, longest=asked.longest_row, context=found.context)
    if peak_only:
        return made
    placed = Places(rules, found.costing.devices).all(made, found.questions)
    if report is None and inputs.training == TrainingInputs() and inputs.usage == UsageInputs():
        return placed
    # most estimates are of memory alone
    from service.verbs.estimating.cost import with_costs

    return with_costs(placed, found.costing, rules)


def answer(estimates: list[Estimate]) -> Estimate | EstimateSet:
    """One technique gives the object, several the set."""
    return estimates[0] if len(estimates) == 1 else EstimateSet(estimates, cheapest(estimates))


def _names(gpu: str | list[str] | None) -> list[str]:
    if gpu is None:
        return []
    return [gpu] if isinstance(gpu, str) else gpu
