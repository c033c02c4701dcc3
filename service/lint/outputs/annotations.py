"""Lines that a CI service turns into annotations: GitHub's workflow commands, Azure's logging commands."""

from __future__ import annotations

from service.lint.outputs.groups import counted, printable, summary, worst_first
from service.records.lint_report import Finding, LintReport

_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
# github.com/actions/toolkit, core/src/command.ts; read 2026-11
_GITHUB_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_GITHUB_PROPERTY = {**_GITHUB_MESSAGE, ":": "%3A", ",": "%2C"}
# learn.microsoft.com, Logging commands, "Formatting commands"; % itself is %AZP25
_AZURE_MESSAGE = {"%": "%AZP25", "\r": "%0D", "\n": "%0A"}
_AZURE_PROPERTY = {**_AZURE_MESSAGE, ";": "%3B", "]": "%5D"}


def github(report: LintReport) -> str:
    """Workflow commands, errors first: GitHub shows only the first ten of a kind of each step."""
    lines = []
    for finding in worst_first(report):
        place = "" if finding.path == "-" else f"file={_escaped(printable(finding.path), _GITHUB_PROPERTY)},"
        if place and finding.line is not None:
            place += f"line={finding.line},"
        title = f"title={_escaped(finding.rule, _GITHUB_PROPERTY)}"
        message = _escaped(_message(finding), _GITHUB_MESSAGE)
        lines.append(f"::{_GITHUB[finding.severity]} {place}{title}::{message}")
    return "\n".join([*lines, *_rest(report)])


def azure_devops(report: LintReport) -> str:
    """Logging commands, errors first; the last one settles the step: failed, or succeeded with issues."""
    lines = []
    for finding in worst_first(report):
        if finding.severity == "info":  # an issue is an error or a warning; the rest is said without a count
            place = f"{printable(finding.path)}{f':{finding.line}' if finding.line is not None else ''}"
            lines.append(f"##[debug]{place}: {finding.rule} {_message(finding)}")
            continue
        properties: dict[str, str] = {"type": finding.severity}
        if finding.path != "-":
            properties["sourcepath"] = printable(finding.path)
            if finding.line is not None:
                properties["linenumber"] = str(finding.line)
        properties["code"] = finding.rule
        said = "".join(f"{name}={_escaped(value, _AZURE_PROPERTY)};" for name, value in properties.items())
        lines.append(f"##vso[task.logissue {said}]{_escaped(_message(finding), _AZURE_MESSAGE)}")
    lines += _rest(report)
    if report.verdict == "fail":
        lines.append(f"##vso[task.complete result=Failed;]{_escaped(summary(report), _AZURE_MESSAGE)}")
    elif report.summary.warnings:
        lines.append(f"##vso[task.complete result=SucceededWithIssues;]{_escaped(summary(report), _AZURE_MESSAGE)}")
    return "\n".join(lines)


def _message(finding: Finding) -> str:
    return printable(f"{finding.pointer or ''} {finding.message}".strip())


def _rest(report: LintReport) -> list[str]:
    """What is counted but not annotated, and the verdict, as plain lines of the log."""
    more = [f"... and {count:,} more {rule}" for rule, count in report.truncated.items()]
    rows = counted(sum(file.rows for file in report.files), "row")
    return [*more, f"{report.verdict}: {rows} for {report.target}, {summary(report)}"]


def _escaped(value: str, table: dict[str, str]) -> str:
    return "".join(table.get(one, one) for one in value)
