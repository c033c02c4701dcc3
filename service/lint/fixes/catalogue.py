"""Which rules have a fix, and of which kind."""

from __future__ import annotations

from service.lint.fixes import rows, text, tools, unsafe
from service.lint.fixes.fix import RowFix
from service.lint.fixes.stages import STAGES
from service.records.lint_report import FixKind

# a fix whose finding many targets can do without: made only when its rule is named in --select
OPT_IN = frozenset({"F003"})


def kinds() -> dict[str, FixKind]:
    """Rule -> kind of its fix."""
    safe: dict[str, FixKind] = dict.fromkeys((fix.code for fix in row_fixes(unsafe_too=False)), "safe")
    other: dict[str, FixKind] = dict.fromkeys((fix.code for fix in (*unsafe.UNSAFE, *text.UNSAFE)), "unsafe")
    return {**STAGES, **safe, **other}


def row_fixes(*, unsafe_too: bool) -> tuple[RowFix, ...]:
    """Fixes of single rows, in the order in which they are made."""
    safe = (*rows.SAFE, *tools.SAFE)
    return (*safe, *unsafe.UNSAFE, *text.UNSAFE) if unsafe_too else safe
