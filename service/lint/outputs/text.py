"""The report for the terminal: the worst rule first, where it hit, how the rows look, the verdict last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

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
from service.records.lint_report import Finding, LintReport, Statistics

WIDTH = 100
_BAR = 40
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan", "pass": "green", "fail": "red"}


def text(report: LintReport, *, colour: bool = False) -> str:
    """Lines of at most WIDTH columns, except for paths and pointers that are longer; no escape codes by default."""
    found = groups(report)
    lines = [line for group in found for line in _group(group)]
    lines += [""] if found else []
    if len(report.files) > 1:
        lines += _files(report)
    if report.statistics is not None and report.statistics.rows:
        lines += _rows(report.statistics)
    if report.known:
        known = ", ".join(f"{rule} {count:,}" for rule, count in report.known.items())
        lines += _wrapped(f"known from the baseline: {known}")
    if report.suppressed:
        lines += _wrapped(suppressed(report))
    for one in report.not_scanned:
        lines += _wrapped(f"not scanned: {one.what} ({one.why})")
    lines += _verdict(report, found)
    return "\n".join(lines if colour else map(click.unstyle, lines))


def _group(group: Group) -> Iterator[str]:
    name = click.style(f"{group.severity} {group.rule}", fg=_COLOURS[group.severity], bold=True)
    times = f"  x{group.count:,}" if group.count > 1 else ""
    yield f"{name} {click.style(group.title, bold=True)}{times}"
    for finding in group.findings:
        yield from _finding(finding)
    if group.more:
        yield f"  ... and {group.more:,} more {group.rule}"


def _finding(finding: Finding) -> Iterator[str]:
    pointer = f" {printable(finding.pointer)}" if finding.pointer else ""
    message = printable(finding.message)
    where = f"  {location(finding)}{pointer}"
    if len(where) + 2 + len(message) <= WIDTH:
        yield f"{where}: {message}"
    else:
        yield f"{where}:"
        yield from _wrapped(message, indent="      ")


def _files(report: LintReport) -> Iterator[str]:
    """Which files were taken together."""
    yield f"{'rows':>11}  {'size':>12}  file"
    for file in report.files:
        yield f"{file.rows:>11,}  {size(file.bytes):>12}  {printable(file.path)} ({file.role})"
    yield ""


def _rows(statistics: Statistics) -> Iterator[str]:
    """How many rows are clean, and the table of lengths."""
    share = statistics.valid / statistics.rows
    bar = click.style("#" * _filled(share), fg="green") + click.style("-" * (_BAR - _filled(share)), fg="red")
    yield f"[{bar}] {statistics.valid:,} of {counted(statistics.rows, 'training row')} without an error"
    yield ""
    if not statistics.lengths:
        return
    most = max(one.rows for one in statistics.lengths)
    yield f"{'tokens a row' if statistics.exact_tokens else 'tokens a row, estimated':>23}  {'rows':>11}"
    for one in statistics.lengths:
        stripe = "#" * (max(1, round(_BAR * one.rows / most)) if one.rows else 0)
        yield f"{f'{one.low:,} to {one.high:,}':>23}  {one.rows:>11,}  {stripe}".rstrip()
    yield ""


def _filled(share: float) -> int:
    """Cells of the bar; full only when every row is clean."""
    return _BAR if share == 1 else min(_BAR - 1, round(_BAR * share))


def _verdict(report: LintReport, found: list[Group]) -> Iterator[str]:
    """The line to read first is printed last, where the terminal stands."""
    verdict = click.style(report.verdict, fg=_COLOURS[report.verdict], bold=True)
    yield f"{verdict}: {counted(total_rows(report), 'row')} for {report.target}, {summary(report)}"
    if found:
        yield f"tunegate explain {found[0].rule} says what {found[0].rule} means and how to mend it."


def _wrapped(line: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(
        printable(line), WIDTH, initial_indent=indent, subsequent_indent=indent or "  ", break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
