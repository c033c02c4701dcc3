"""What a finished plan asks for that the trainer of its target does not do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.targets.kaito.presets import presets
from service.launch.targets.kaito.refusals import IGNORED_WEIGHT, refusals, weight_refusals
from service.launch.targets.kaito.settings import KAITO, kaito_settings
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.planning.machine import rented_machine
from trainers.contract import TrainPlan


def require_carried_out(
    plan: TrainPlan, report: LintReport, dataset: Path, *, rules: RuleFiles, settings: Settings
) -> None:
    """Refuse what KAITO's own trainer would do otherwise than planned; every other target runs ours.

    Raises:
        TuneGateError: `target_cannot` with everything that was found, the other targets named.
    """
    if plan.target != KAITO:
        return
    gpus = rented_machine(kaito_settings(settings).instance_type, KAITO, rules).gpus
    if errors := [*refusals(plan, presets(rules), gpus=gpus), *weight_refusals(_unread(report, dataset))]:
        raise TuneGateError(
            "target_cannot",
            f"KAITO's trainer cannot carry this out: {len(errors)} reason(s).",
            remedy="Change what is named, or plan for local or azure-ml.",
            errors=errors,
        )


def _unread(report: LintReport, dataset: Path) -> list[int]:
    """Lines with an answer of weight 0: the report's, or where it kept only some findings, the first of the file."""
    known = [one for one in report.findings if one.rule == IGNORED_WEIGHT and one.severity == "error"]
    if known or not report.truncated.get(IGNORED_WEIGHT):
        return sorted({one.line or 0 for one in known})
    return next(([number] for number, row in _weighted(dataset) if _leaves_out(row)), [])


def _weighted(dataset: Path) -> Iterator[tuple[int, Any]]:
    with dataset.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if b'"weight"' in line:
                try:
                    yield number, msgspec.json.decode(line)
                except msgspec.DecodeError:
                    continue  # the lint report names it


def _leaves_out(row: Any) -> bool:
    messages = row.get("messages") if isinstance(row, dict) else None
    listed = messages if isinstance(messages, list) else []
    return any(isinstance(one, dict) and one.get("role") == "assistant" and one.get("weight") == 0 for one in listed)
