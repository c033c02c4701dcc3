"""Reports to render: a real one of flawed data, and a builder for the awkward ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.records.lint_report import Finding, LintedFile, LintReport, NotScanned, Summary
from service.verbs.lint import LintInput, LintRequest, lint

DESK = Path(__file__).resolve().parents[3] / "examples" / "library-desk"
Build = Callable[..., LintReport]


@pytest.fixture(scope="session")
def flawed() -> LintReport:
    return linted("flawed.jsonl")


@pytest.fixture(scope="session")
def clean() -> LintReport:
    return linted("train.jsonl")


def linted(name: str) -> LintReport:
    return lint(LintRequest(inputs=[LintInput(DESK / name, name)], target="local"), rules=rule_files())


@pytest.fixture(scope="session")
def build() -> Build:
    return built


def built(*findings: Finding, paths: tuple[str, ...] = ("data.jsonl",), more: int = 0, **changed: Any) -> LintReport:
    """A report of these findings; `more` of each rule are counted but not listed."""
    severities = Counter(one.severity for one in findings)
    rules = Counter(one.rule for one in findings)
    values: dict[str, Any] = {
        "id": "1" * 64,
        "rules_revision": "2" * 64,
        "target": "local",
        "method": "sft",
        "model": None,
        "files": [LintedFile(path, "train", "3" * 64, 1234, 10) for path in paths],
        "verdict": "fail" if severities["error"] else "pass",
        "summary": Summary(severities["error"], severities["warning"], severities["info"]),
        "counts": {rule: count + more for rule, count in rules.items()},
        "findings": list(findings),
        "truncated": dict.fromkeys(rules, more) if more else {},
        "facts": {},
        "not_scanned": [NotScanned("near duplicates", "they were not asked for")],
    }
    return LintReport(**values | changed)
