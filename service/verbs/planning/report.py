"""The lint report that a plan rests on: by the rules of its launch target and its task."""

from __future__ import annotations

from pathlib import Path

from service.data import RuleFiles
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.privacy import PrivacyRequest
from trainers.contract import Task

# the lint profile whose rules describe what a launch target accepts
LINT_TARGET_OF = {"azure-ml": "local"}


def linted(inputs: list[LintInput], target: str, rules: RuleFiles, task: Task, method: str = "sft") -> LintReport:
    """The report for a launch target, with whatever privacy scan there is: its findings block the launch."""
    request = LintRequest(inputs=inputs, target=_profile(target, task), method=method, privacy=PrivacyRequest())
    return lint(request, rules=rules)


def report_for(
    report: LintReport, dataset: Path, validation: Path | None, *, target: str, task: Task, rules: RuleFiles
) -> LintReport:
    """The report that was made before; of a classification one by the rules for its rows."""
    if task == "chat" or report.target == _profile(target, task):
        return report
    # a stored file's path is no one's to know
    inputs = [LintInput(path=dataset, shown_as=report.files[0].path, role="train")]
    if validation is not None:
        inputs.append(LintInput(path=validation, shown_as="validation", role="validation"))
    return linted(inputs, target, rules, task)


def _profile(target: str, task: Task) -> str:
    profile = LINT_TARGET_OF.get(target, target)
    return profile if task == "chat" else f"{profile}-{task}"
