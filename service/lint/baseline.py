"""Holds a report against an older one: which findings are new."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.lint.fingerprint import Key, keys
from service.records.identity import record_id
from service.records.lint_report import Finding, LintReport, NotScanned, Summary


def against(report: LintReport, baseline: LintReport, *, max_findings: int = 0) -> LintReport:
    """What `report` has that `baseline` has not; the verdict is of that alone, the rest is counted in `known`.

    A finding is known while the baseline has one more of the same rule, severity, role of the file, pointer and
    message (numbers aside). What the baseline counts but does not list can only be told by its number: that many of
    the rule's other findings, the last ones, are taken as known, and `not_scanned` says so. `report` lists all its
    findings; of the new ones at most `max_findings` a rule are kept (0 = all). `facts` and `statistics` stay those of
    the data.

    Raises:
        TuneGateError: `invalid_input` when the two are for different targets or methods, or the baseline was itself
            held against one and so lists only what was new then.
        ValueError: when `report` does not list all its findings.
    """
    if report.truncated:
        raise ValueError("a report is held against a baseline before its findings are cut")
    _require_comparable(report, baseline)
    fresh, untold = _told_apart(report, baseline)
    counts = Counter(finding.rule for finding in fresh)
    severities = Counter(finding.severity for finding in fresh)
    kept = _first(fresh, max_findings)
    return msgspec.structs.replace(
        report,
        id=record_id({"report": report.id, "baseline": baseline.id, "max_findings": max_findings}),
        verdict="fail" if severities["error"] else "pass",
        summary=Summary(severities["error"], severities["warning"], severities["info"]),
        counts=dict(sorted(counts.items())),
        findings=kept,
        truncated=dict(sorted((counts - Counter(finding.rule for finding in kept)).items())),
        not_scanned=[*report.not_scanned, *(_untold(code, untold[code], baseline) for code in sorted(untold))],
        baseline=baseline.id,
        known=dict(sorted((Counter(report.counts) - counts).items())),
    )


def _require_comparable(report: LintReport, baseline: LintReport) -> None:
    asked = (("target", report.target, baseline.target), ("method", report.method, baseline.method))
    errors = [ErrorItem(f"baseline: {name}", was, wanted) for name, wanted, was in asked if was != wanted]
    if baseline.baseline is not None:
        errors.append(ErrorItem("baseline", "a report that was held against a baseline", "a report of all findings"))
    if errors:
        raise TuneGateError(
            "invalid_input",
            "The baseline cannot be compared with this report.",
            errors=errors,
            remedy="Make the baseline with the same --target and --method: tunegate lint ... --max-findings 0 "
            "--format json --output BASELINE.",
        )


def _told_apart(report: LintReport, baseline: LintReport) -> tuple[list[Finding], dict[str, int]]:
    """The new findings in order, and by rule how many were taken as known by their number alone."""
    had: Counter[Key] = Counter(key for _, key in keys(baseline))
    fresh: dict[str, list[int]] = defaultdict(list)
    for place, (finding, key) in enumerate(keys(report)):
        if had[key]:
            had[key] -= 1
        else:
            fresh[finding.rule].append(place)
    untold = {}
    for rule, places in fresh.items():
        # a list is cut after its first findings, so what it leaves out are rather the last ones
        if unlisted := min(baseline.truncated.get(rule, 0), len(places)):
            untold[rule] = unlisted
            del places[-unlisted:]
    left = sorted(place for places in fresh.values() for place in places)
    return [report.findings[place] for place in left], untold


def _untold(code: str, count: int, baseline: LintReport) -> NotScanned:
    total = baseline.counts[code]
    return NotScanned(
        f"which findings of {code} are new",
        f"the baseline lists {total - baseline.truncated[code]} of {total}, so {count} of the others counted as known "
        "by their number alone; a baseline made with --max-findings 0 lists all",
    )


def _first(findings: list[Finding], most: int) -> list[Finding]:
    if not most:
        return findings
    seen: Counter[str] = Counter()
    kept = []
    for finding in findings:
        seen[finding.rule] += 1
        if seen[finding.rule] <= most:
            kept.append(finding)
    return kept
