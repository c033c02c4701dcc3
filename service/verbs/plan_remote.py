"""What a finished plan asks for that the trainer of its target does not do."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.targets.kaito.presets import presets
from service.launch.targets.kaito.refusals import refusals, weight_refusals
from service.launch.targets.kaito.settings import KAITO, kaito_settings
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.plan_machine import rented_machine
from trainers.contract import TrainPlan


def require_carried_out(plan: TrainPlan, report: LintReport, *, rules: RuleFiles, settings: Settings) -> None:
    """Refuse what KAITO's own trainer would do otherwise than planned; every other target runs ours.

    Raises:
        TuneGateError: `target_cannot` with everything that was found, the other targets named.
    """
    if plan.target != KAITO:
        return
    gpus = rented_machine(kaito_settings(settings).instance_type, KAITO, rules).gpus
    if errors := [*refusals(plan, presets(rules), gpus=gpus), *weight_refusals(report)]:
        raise TuneGateError(
            "target_cannot",
            f"KAITO's trainer cannot carry this out: {len(errors)} reason(s).",
            remedy="Change what is named, or plan for local or azure-ml.",
            errors=errors,
        )
