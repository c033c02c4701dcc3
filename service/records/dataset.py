"""A stored dataset and the lint report that it was stored with."""

from __future__ import annotations

import msgspec

from service.records.lint_report import LintReport


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset kept by the service; stored also when the verdict is fail (a plan on it is blocked)."""

    id: str
    sha256: str
    bytes: int
    rows: int
    report: LintReport
