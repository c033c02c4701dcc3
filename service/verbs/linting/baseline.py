"""lint, held against an older report: only what is new decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import msgspec

from service.data import RuleFiles
from service.lint.baseline import against
from service.records.lint_report import LintReport
from service.verbs.lint import LintRequest, lint


def lint_against(
    request: LintRequest,
    baseline: LintReport,
    *,
    rules: RuleFiles,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
) -> LintReport:
    """The report on what the baseline has not; all findings are kept in memory until they are compared.

    Raises:
        TuneGateError: as `lint`, and `invalid_input` for a baseline that cannot be compared.
    """
    complete = lint(msgspec.structs.replace(request, max_findings=0), rules=rules, stdin=stdin, progress=progress)
    return against(complete, baseline, max_findings=request.max_findings)
