"""What makes two findings the same one, though rows were added, removed or moved since."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

from service.records.lint_report import Finding, LintReport, Role

# (rule, severity, role of the file, pointer, message without its numbers)
Key = tuple[str, str, str, str, str]

# the hash of a value has another key on another machine
_MARK = re.compile(r"\bvalue [0-9a-f]{8}\b")
# messages name lines, counts and lengths, which move with any other row
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def keys(report: LintReport) -> Iterator[tuple[Finding, Key]]:
    """Every listed finding with what it is known by: no line and no path, so both may change."""
    roles: dict[str, Role] = {file.path: file.role for file in report.files}
    for finding in report.findings:
        message = _NUMBER.sub("0", _MARK.sub("value", finding.message))
        role = roles.get(finding.path, "train")
        yield finding, (finding.rule, finding.severity, role, finding.pointer or "", message)


def fingerprints(report: LintReport) -> list[str]:
    """A digest per listed finding, in order; the second finding with the same key has another one."""
    seen: Counter[Key] = Counter()
    found = []
    for _, key in keys(report):
        seen[key] += 1
        found.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "replace")).hexdigest()[:32])
    return found
