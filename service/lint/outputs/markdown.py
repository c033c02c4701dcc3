"""The report as a pull-request comment: the verdict, a table of rules, the places folded away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.outputs.groups import (
    Group,
    counted,
    groups,
    location,
    printable,
    size,
    summary,
    suppressed,
    total_rows,
)
from service.records.lint_report import Finding, LintReport

# GitHub's limit for a comment is 65,536 characters, Azure DevOps' 150,000; what is beyond is counted, not shown
_MOST_CHARACTERS = 60_000
# what Markdown or its hosts would act on: structure, HTML, mentions and references to issues
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~@$!])")
MARKER = "<!-- tunegate lint -->"


def markdown(report: LintReport) -> str:
    """A comment of at most 60,000 characters or so; MARKER lets a bot find its earlier comment and replace it."""
    head = [MARKER, f"## tunegate lint: {report.verdict}", "", _sentence(report), ""]
    foot = list(_notes(report))
    room = _MOST_CHARACTERS - sum(len(line) + 1 for line in (*head, *foot))
    return "\n".join([*head, *_fitting(report, room), *foot]).rstrip() + "\n"


def _sentence(report: LintReport) -> str:
    model = f", model {_text(report.model)}" if report.model else ""
    return (
        f"**{summary(report)}** in {counted(total_rows(report), 'row')}, "
        f"checked for {_text(report.target)} ({report.method}{model})."
    )


def _fitting(report: LintReport, room: int) -> Iterator[str]:
    """The table of rules, then each rule's places, as long as there is room."""
    found = groups(report)
    if not found:
        return
    lines = ["| severity | rule | what | findings |", "|---|---|---|---:|"]
    lines += [f"| {_bold(g)} | {g.rule} | {_text(g.title)} | {g.count:,} |" for g in found]
    yield from (*lines, "")
    room -= sum(len(line) + 1 for line in lines)
    hidden = 0
    for group in found:
        block = list(_places(group))
        room -= sum(len(line) + 1 for line in block)
        if room < 0:
            hidden += 1
        else:
            yield from block
    if hidden:
        yield from (f"The places of {counted(hidden, 'more rule')} do not fit into a comment.", "")


def _places(group: Group) -> Iterator[str]:
    yield f"<details><summary>{group.rule} {_html(group.title)}: {counted(group.count, 'finding')}</summary>"
    yield ""
    if why := group.documentation.get("Why it matters"):
        yield from (why, "")
    yield from ("| where | pointer | finding |", "|---|---|---|")
    yield from (_row(finding) for finding in group.findings)
    if group.more:
        yield f"| ... | | {group.more:,} more |"
    yield from ("", f"`tunegate explain {group.rule}` shows the row that is right.", "", "</details>", "")


def _row(finding: Finding) -> str:
    pointer = _code(finding.pointer) if finding.pointer else ""
    return f"| {_text(location(finding))} | {pointer} | {_text(finding.message)} |"


def _notes(report: LintReport) -> Iterator[str]:
    if report.known:
        known = ", ".join(f"{rule} ({count:,})" for rule, count in report.known.items())
        yield from (f"Known from the baseline and not listed: {known}.", "")
    if report.suppressed:
        yield from (f"{suppressed(report)}.", "")
    yield "<details><summary>Files, and what was not scanned</summary>"
    yield from ("", "| file | role | rows | size | sha256 |", "|---|---|---:|---:|---|")
    for file in report.files:
        yield f"| {_text(file.path)} | {file.role} | {file.rows:,} | {size(file.bytes)} | `{file.sha256[:16]}` |"
    yield ""
    yield from (f"- not scanned: {_text(one.what)} ({_text(one.why)})" for one in report.not_scanned)
    yield from ("", f"Report `{report.id[:16]}`, rules `{report.rules_revision[:16]}`.", "", "</details>")


def _bold(group: Group) -> str:
    return f"**{group.severity}**" if group.severity == "error" else group.severity


def _text(value: str) -> str:
    """Text that stays text, inside one cell."""
    return _ACTIVE.sub(r"\\\1", printable(value))


def _code(value: str) -> str:
    """A code span, whose fence is longer than any run of backticks in it."""
    shown = printable(value).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def _html(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
