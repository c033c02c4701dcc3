"""What stops the launch of a plan unless it is overridden by name."""

from __future__ import annotations

from collections.abc import Sequence

from service.errors import ErrorItem, TuneGateError
from service.launch.machine import Machine
from service.launch.targets.target import CostEstimate, TokenCost
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport
from trainers.contract import Blocker, TrainPlan

_NO_BASELINE = "no_baseline_evaluation"
_MAX_COST = "max_cost"


def blockers_of(
    report: LintReport,
    estimate: Estimate | None,
    *,
    machine: Machine,
    processes: int = 1,
    validated: bool,
    evaluation: Evaluation | None = None,
) -> list[Blocker]:
    """Everything that stops this launch unless it is overridden by name.

    `validated`: the run measures the untuned model itself, on validation rows.
    """
    return [
        *_data_blockers(report),
        *_memory_blockers(estimate, machine, processes),
        *([] if validated else _baseline_blockers(evaluation)),
    ]


def require_launchable(plan: TrainPlan) -> None:
    """Refuse a plan that still has blockers.

    Raises:
        TuneGateError: `plan_blocked` with one item per blocker.

    """
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


def _baseline_blockers(evaluation: Evaluation | None) -> list[Blocker]:
    """Without a figure of the model as it is, nobody can say that tuning helped."""
    detail = "Nothing says how good the model is untuned: no validation rows, and no evaluation."
    if evaluation is not None:
        if not (missing := _missing(evaluation)):
            return []
        detail = f"Evaluation {evaluation.id[:12]} is no baseline: {'; '.join(missing)}."
    remedy = (
        "Hold rows back (tunegate split) and give them: --validation FILE, validation_dataset_id over HTTP. "
        "Or measure the untuned model (tunegate evaluate) and give the record: --evaluation EVAL.json, evaluation_id."
    )
    return [Blocker(code=_NO_BASELINE, detail=detail, remedy=remedy)]


def _missing(evaluation: Evaluation) -> list[str]:
    """What an evaluation lacks to be a baseline."""
    judged = any(
        one.value is not None and one.better != "neither" for cell in evaluation.cells for one in cell.measures.values()
    )
    lacks = {
        "it is not complete, rows were left unasked (the same command goes on)": not evaluation.complete,
        "no row was answered": not any(cell.answered for cell in evaluation.cells),
        "no measure tells a good answer from a bad one (its rows need expected answers or checks)": not judged,
    }
    return [what for what, missing in lacks.items() if missing]


def _memory_blockers(estimate: Estimate | None, machine: Machine, processes: int) -> list[Blocker]:
    # on the CPU all processes live in one memory, a GPU is one process's own
    sharing = processes if machine.is_cpu else 1
    needed = sharing * estimate.peak.total_p50_gib if estimate else 0.0
    if estimate is None or needed <= machine.capacity_gib:
        return []
    each = f" in each of {processes} processes" if sharing > 1 else ""
    return [
        Blocker(
            code="does_not_fit",
            detail=(
                f"{estimate.technique} needs {estimate.peak.total_p50_gib:.1f} GiB (median estimate){each}; "
                f"{machine.device} has {machine.capacity_gib:.1f} GiB."
            ),
            remedy="A smaller micro_batch or max_tokens, a lighter technique, a smaller model or a larger device.",
        )
    ]


def cost_blockers(cost: CostEstimate | TokenCost | None, most: float | None) -> list[Blocker]:
    """What was asked to be the most, held against the estimate; a job that cannot be priced cannot be kept below it."""
    if cost is None or most is None:
        return []
    if isinstance(cost, TokenCost):
        return _token_blockers(cost, most)
    if cost.usd_per_hour is None:
        detail = f"max_cost is {most:g} USD, and {cost.machine} has no price: {cost.reason}."
        return [Blocker(code=_MAX_COST, detail=detail, remedy="Use a machine with a price, or leave max_cost out.")]
    if cost.usd is None or cost.usd <= most:
        return []
    detail = f"About {cost.usd:.2f} USD ({cost.count} x {cost.machine}, {cost.hours:.2f} h); max_cost is {most:g}."
    return [Blocker(code=_MAX_COST, detail=detail, remedy="A cheaper machine, fewer epochs, or a higher max_cost.")]


def _token_blockers(cost: TokenCost, most: float) -> list[Blocker]:
    if cost.usd_high is None:
        detail = f"max_cost is {most:g} USD, and what it will cost is not known: {cost.reason}."
        remedy = "A model and training type with a price (rules/service-prices.toml), or leave max_cost out."
        return [Blocker(code=_MAX_COST, detail=detail, remedy=remedy)]
    if cost.usd_high <= most:
        return []
    counted = f"{cost.tokens} tokens x {cost.epochs} epochs x {cost.usd_per_million_tokens:g} USD per million"
    detail = f"Up to {cost.usd_high:.2f} USD ({counted}); max_cost is {most:g}."
    return [Blocker(code=_MAX_COST, detail=detail, remedy="Fewer rows or epochs, or a higher max_cost.")]
