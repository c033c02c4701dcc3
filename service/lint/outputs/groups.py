"""What the renderings share: findings by rule with the worst first, and the words for places, sizes and verdicts."""

from __future__ import annotations

import re
from collections import defaultdict

import msgspec

from service.lint.catalogue import documentation, entries, title_of
from service.records.lint_report import Finding, LintReport, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

# C0 and C1 controls, lone surrogates, and the marks that turn the direction of text: none belongs in a name
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Group(msgspec.Struct, frozen=True):
    """One rule's findings; `count` is complete, `findings` are those that are listed."""

    rule: str
    severity: Severity
    title: str
    count: int
    findings: list[Finding]

    @property
    def more(self) -> int:
        """How many findings are counted but not listed."""
        return self.count - len(self.findings)

    @property
    def documentation(self) -> dict[str, str]:
        """Heading -> text of the rule's page; empty for a rule that this version does not know."""
        return documentation(self.rule)[1] if self.rule in entries() else {}


def groups(report: LintReport) -> list[Group]:
    """Errors before warnings before infos, then the most frequent first."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        found[finding.rule].append(finding)
    made = [
        Group(rule, _worst(listed), title(rule), max(report.counts.get(rule, 0), len(listed)), listed)
        for rule, listed in found.items()
    ]
    return sorted(made, key=lambda one: (SEVERITIES.index(one.severity), -one.count, one.rule))


def title(rule: str) -> str:
    """The rule's short name, empty for a rule that this version does not know."""
    return title_of(rule) if rule in entries() else ""


def worst_first(report: LintReport) -> list[Finding]:
    """Findings in the order of the report, all errors before all warnings before all infos."""
    return sorted(report.findings, key=lambda one: SEVERITIES.index(one.severity))


def printable(text: str) -> str:
    """The text on one line, with what could steer a terminal or break a document replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)


def place(finding: Finding) -> str:
    """path:line pointer, as far as known."""
    pointer = f" {printable(finding.pointer)}" if finding.pointer else ""
    return location(finding) + pointer


def location(finding: Finding) -> str:
    """path:line, as far as known."""
    line = f":{finding.line}" if finding.line is not None else ""
    return f"{printable(finding.path)}{line}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, thousands apart."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """Bytes in a unit that people read."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return counted(count, "byte") if unit == "bytes" else f"{amount:,.1f} {unit}"


def summary(report: LintReport) -> str:
    """How many errors, warnings and infos; the new ones and the known where a baseline was given."""
    parts = (
        counted(report.summary.errors, "error"),
        counted(report.summary.warnings, "warning"),
        counted(report.summary.infos, "info"),
    )
    if report.baseline is None:
        return ", ".join(parts)
    return f"new: {', '.join(parts)}; {counted(sum(report.known.values()), 'finding')} known from the baseline"


def suppressed(report: LintReport) -> str:
    """How many findings rows take back themselves, by rule."""
    rules = ", ".join(f"{rule} x {count:,}" for rule, count in report.suppressed.items())
    return f"{counted(sum(report.suppressed.values()), 'finding')} suppressed by rows: {rules}"


def total_rows(report: LintReport) -> int:
    """Rows of all files."""
    return sum(file.rows for file in report.files)


def _worst(findings: list[Finding]) -> Severity:
    return min((finding.severity for finding in findings), key=SEVERITIES.index)
