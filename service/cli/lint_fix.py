"""The part of tunegate lint that writes a mended copy."""

from __future__ import annotations

import sys
from pathlib import Path

from service.cli.output import say
from service.data import RuleFiles
from service.records.lint_report import LintReport
from service.verbs.fix import FixRequest, fix
from service.verbs.lint import LintRequest


def fixed(request: LintRequest, out: Path, rules: RuleFiles, *, unsafe: bool) -> LintReport:
    """Write the copy, say on stderr what was changed, and give the report on the copy."""
    record = fix(FixRequest(lint=request, out=out, unsafe=unsafe), rules=rules, stdin=sys.stdin.buffer)
    for file in record.files:
        say(f"{file.out}: {file.changes} change(s) to {file.path}, listed in {file.log}")
    for rule, count in record.changed.items():
        say(f"  {rule} x {count}")
    rules_left = {finding.rule for finding in record.report.findings if finding.fix == "unsafe"}
    if rules_left and not unsafe:
        left = sum(record.report.counts[rule] for rule in rules_left)
        say(f"  {left} finding(s) left may be mended by --unsafe-fixes: {', '.join(sorted(rules_left))}")
    return record.report
