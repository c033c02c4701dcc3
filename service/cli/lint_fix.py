"""The part of tunegate lint that writes a mended copy."""

from __future__ import annotations

import sys
from pathlib import Path

from service.cli.output import say
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.records.lint_report import LintReport
from service.verbs.fix import FixRequest, fix


def checked(out: Path | None, output: Path | None, baseline: str | None, *, mend: bool, unsafe: bool) -> Path | None:
    """Where the copy goes, None when nothing is to be fixed.

    Raises:
        TuneGateError: `usage`, with all options that do not fit one another.
    """
    errors = []
    if mend and out is None:
        errors.append(ErrorItem("--fix", "no -o OUT", remedy="Say where the copy goes: nothing is changed in place."))
    if unsafe and not mend:
        errors.append(ErrorItem("--unsafe-fixes", "no --fix", remedy="Add --fix -o OUT."))
    if out is not None and not mend:
        errors.append(ErrorItem("-o", "no --fix", remedy="Add --fix, or write the report with --output PATH."))
    if out is not None and output is not None and out.resolve() == output.resolve():
        errors.append(ErrorItem("--output", "the copy of -o", "another file", "The report is no part of the data."))
    if mend and baseline is not None:
        errors.append(ErrorItem("--baseline", "with --fix", "one of the two", "Hold the copy against it afterwards."))
    if errors:
        raise TuneGateError("usage", "Options that do not fit one another.", errors=errors)
    return out


def fixed(request: FixRequest, rules: RuleFiles) -> LintReport:
    """Write the copy, say on stderr what was changed, and give the report on the copy."""
    record = fix(request, rules=rules, stdin=sys.stdin.buffer)
    for file in record.files:
        say(f"{file.out}: {file.changes} change(s) to {file.path}, listed in {file.log}")
    for rule, count in record.changed.items():
        say(f"  {rule} x {count}")
    rules_left = {finding.rule for finding in record.report.findings if finding.fix == "unsafe"}
    if rules_left and not request.unsafe:
        left = sum(record.report.counts[rule] for rule in rules_left)
        say(f"  {left} finding(s) left may be mended by --unsafe-fixes: {', '.join(sorted(rules_left))}")
    return record.report
