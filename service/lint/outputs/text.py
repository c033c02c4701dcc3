"""Lines for terminals, annotations for GitHub, tables for pull requests."""

from __future__ import annotations

from service.records.lint_report import Finding, LintReport


def text(report: LintReport) -> str:
    """One line per finding, the summary last."""
    lines = [f"{place(f)}: {f.rule} {f.severity}: {f.message}" for f in report.findings]
    lines += [f"... and {more} more {rule}" for rule, more in report.truncated.items()]
    rows = sum(file.rows for file in report.files)
    counted = f"{report.summary.errors} errors, {report.summary.warnings} warnings, {report.summary.infos} infos"
    lines.append(f"{report.verdict}: {rows} rows for {report.target}, {counted}")
    if report.findings:
        lines.append("tunegate explain RULE says what a rule means and how to mend it.")
    return "\n".join(lines)


def place(finding: Finding) -> str:
    """path:line pointer, as far as known."""
    line = f":{finding.line}" if finding.line is not None else ""
    return f"{finding.path}{line}" + (f" {finding.pointer}" if finding.pointer else "")


def github(report: LintReport) -> str:
    """Workflow commands that annotate the changed lines."""
    names = {"error": "error", "warning": "warning", "info": "notice"}
    lines = []
    for finding in report.findings:
        line = f",line={finding.line}" if finding.line is not None else ""
        message = _escaped(f"{finding.pointer or ''} {finding.message}".strip())
        file = _escaped(finding.path).replace(":", "%3A").replace(",", "%2C")
        lines.append(f"::{names[finding.severity]} file={file}{line},title={finding.rule}::{message}")
    return "\n".join(lines)


def markdown(report: LintReport) -> str:
    """A heading with the verdict and a table of findings."""
    rows = [
        f"| {f.rule} | {f.severity} | {f.path}{f':{f.line}' if f.line is not None else ''} | "
        f"{f'`{f.pointer}`' if f.pointer else ''} | {f.message.replace('|', chr(92) + '|')} |"
        for f in report.findings
    ]
    head = f"## tunegate lint: {report.verdict}\n\n{report.summary.errors} errors, {report.summary.warnings} warnings"
    table = "\n".join(["| rule | severity | where | pointer | finding |", "|---|---|---|---|---|", *rows])
    return f"{head}\n\n{table}\n" if rows else f"{head}\n"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
