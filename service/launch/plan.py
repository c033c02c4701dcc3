"""Builds the plan: where decision, lint report and estimate meet, and what blocks the launch."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.hyperparameters import resolve
from service.launch.machine import Machine
from service.launch.request import PlanChoices, check_choices
from service.records.decision import TUNING_STEPS, Decision
from service.records.estimate import Estimate
from service.records.identity import record_id
from service.records.lint_report import LintReport
from trainers.contract import Blocker, DatasetRef, TrainPlan, cannot_run

# what this version can launch; the issues that add a target or a technique add a row
LAUNCHABLE: dict[str, tuple[str, ...]] = {"local": ("lora", "full")}


class PlannedModel(msgspec.Struct, frozen=True):
    """The model as a plan needs it: name as given, parameter count, and whether the name is a local path."""

    name: str
    params: int | None
    fingerprint: str | None
    is_path: bool
    revision: str | None = None


class PlanParts(msgspec.Struct, frozen=True, kw_only=True):
    """The records and references that a plan joins."""

    decision: Decision | None
    report: LintReport
    estimate: Estimate | None
    model: PlannedModel
    dataset: DatasetRef
    validation: DatasetRef | None


def choose(choices: PlanChoices, decision: Decision | None) -> tuple[str, str, str]:
    """(target, technique, sharding): asked for, else decided; never guessed.

    Raises:
        TuneGateError: `invalid_input` when nothing names a technique, `target_cannot` when the target has no such.

    """
    check_choices(choices)
    answer = decision.answer if decision else None
    technique = choices.technique or (answer.technique if answer else None)
    if technique is None:
        raise TuneGateError("invalid_input", _no_technique(decision), remedy="Give a technique, or decide again.")
    target = choices.target or (answer.target if answer else None) or "local"
    sharding = choices.sharding or (answer.sharding if answer and not choices.technique else None) or "none"
    _refuse_impossible(choices, target=target, technique=technique, sharding=sharding)
    return target, technique, sharding


def build_plan(
    choices: PlanChoices,
    parts: PlanParts,
    *,
    rules: RuleFiles,
    machine: Machine,
    allow_download: bool = False,
) -> TrainPlan:
    """The plan with its blockers; it spends nothing."""
    target, technique, sharding = choose(choices, parts.decision)
    overridden = {override.code for override in choices.overrides}
    plan = TrainPlan(
        id="",
        decision=parts.decision.id if parts.decision else None,
        lint_report=parts.report.id,
        estimate=parts.estimate.id if parts.estimate else None,
        target=target,
        model=parts.model.name,
        model_fingerprint=parts.model.fingerprint,
        technique=technique,
        sharding=sharding,
        dataset=parts.dataset,
        validation=parts.validation,
        hyperparameters=resolve(choices.hyperparameters, rules=rules, technique=technique, params=parts.model.params),
        evaluation=choices.evaluation,
        outputs=choices.outputs,
        allow_download=allow_download,
        blockers=[blocker for blocker in blockers_of(parts, machine=machine) if blocker.code not in overridden],
        overrides=list(choices.overrides),
        model_revision=parts.model.revision,
    )
    return msgspec.structs.replace(plan, id=plan_id(plan, model_is_path=parts.model.is_path))


def plan_id(plan: TrainPlan, *, model_is_path: bool) -> str:
    """Over the content without paths: the fingerprint and the sha256 stand for model and data."""
    content = msgspec.to_builtins(plan)
    for reference in ("dataset", "validation"):
        if content[reference]:
            content[reference].pop("path")
    return record_id(content, without=("model",) if model_is_path else ())


def blockers_of(parts: PlanParts, *, machine: Machine) -> list[Blocker]:
    """Everything that stops this launch unless it is overridden by name."""
    return [*_data_blockers(parts.report), *_memory_blockers(parts.estimate, machine)]


def require_launchable(plan: TrainPlan) -> None:
    """Refuse a plan that still has blockers.

    Raises:
        TuneGateError: `plan_blocked` with one item per blocker.

    """
    from service.errors import ErrorItem

    if plan.blockers:
        raise TuneGateError(
            "plan_blocked",
            f"{len(plan.blockers)} blocker(s): {', '.join(blocker.code for blocker in plan.blockers)}.",
            remedy="Mend the cause and plan again, or override by name: --override CODE=REASON.",
            errors=[ErrorItem(blocker.code, blocker.detail, None, blocker.remedy) for blocker in plan.blockers],
        )


def _data_blockers(report: LintReport) -> list[Blocker]:
    if report.verdict == "pass":
        return []
    errors = {finding.rule for finding in report.findings if finding.severity == "error"}
    private = sorted(rule for rule in errors if rule[0] in "PS")
    structural = sorted(errors.difference(private))
    return [
        *_rule_blocker("lint_errors", structural, report, "Mend the rows; tunegate explain RULE says how."),
        *_rule_blocker("pii_findings", private, report, "Take the findings out of the data before training."),
    ]


def _rule_blocker(code: str, rules: Sequence[str], report: LintReport, remedy: str) -> list[Blocker]:
    if not rules:
        return []
    named = ", ".join(f"{rule} x {report.counts.get(rule, 0)}" for rule in rules)
    return [Blocker(code=code, detail=f"The lint report fails: {named}.", remedy=remedy)]


def _memory_blockers(estimate: Estimate | None, machine: Machine) -> list[Blocker]:
    if estimate is None or estimate.peak.total_p50_gib <= machine.capacity_gib:
        return []
    return [
        Blocker(
            code="does_not_fit",
            detail=(
                f"{estimate.technique} needs {estimate.peak.total_p50_gib:.1f} GiB (median estimate); "
                f"{machine.device} has {machine.capacity_gib:.1f} GiB."
            ),
            remedy="A smaller micro_batch or max_tokens, a lighter technique, a smaller model or a larger device.",
        )
    ]


def _no_technique(decision: Decision | None) -> str:
    if decision is None:
        return "Neither a decision nor a technique was given."
    if decision.answer is None:
        missing = ", ".join(unknown.fact for unknown in decision.unknown)
        return f"The decision is still open; facts missing: {missing}."
    if decision.answer.step not in TUNING_STEPS:
        return f"The decision is {decision.answer.step!r}, not a tuning step."
    return "The decision names no technique."


def _refuse_impossible(choices: PlanChoices, *, target: str, technique: str, sharding: str) -> None:
    if target not in LAUNCHABLE:
        raise TuneGateError(
            "target_cannot",
            f"This version does not launch on {target!r}.",
            remedy=f"Launch targets: {', '.join(LAUNCHABLE)}.",
        )
    reasons = []
    if technique not in LAUNCHABLE[target]:
        reasons.append(f"technique {technique!r} has no trainer yet (it has: {', '.join(LAUNCHABLE[target])})")
    if sharding != "none":
        reasons.append(f"sharding {sharding!r} is not launched yet (it has: none)")
    if why := cannot_run(choices.outputs):
        reasons.append(why)
    if reasons:
        raise TuneGateError("target_cannot", f"Target {target!r}: {'; '.join(reasons)}.", remedy="Choose one it has.")
