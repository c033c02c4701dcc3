"""SARIF 2.1.0, for code scanning and editors."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from service import __version__
from service.lint.catalogue import explain, rule_ids, title_of
from service.records.lint_report import Finding, LintReport

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(report: LintReport) -> str:
    """The log of one run; results carry stable fingerprints."""
    used = [code for code in rule_ids() if code in report.counts]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "tunegate", "semanticVersion": __version__, "rules": list(map(_rule, used))}
                },
                "results": [_result(finding, used) for finding in report.findings],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _rule(code: str) -> dict[str, Any]:
    page = explain(code) or ""
    return {"id": code, "shortDescription": {"text": title_of(code)}, "help": {"text": page, "markdown": page}}


def _result(finding: Finding, used: list[str]) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.path)}}
    if finding.line is not None:
        location["region"] = {"startLine": finding.line}
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": used.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"tunegate/1": _fingerprint(finding)},
    }
    if finding.pointer:
        found["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": finding.pointer}]
    return found


def _fingerprint(finding: Finding) -> str:
    parts = f"{finding.rule}\0{finding.path}\0{finding.line}\0{finding.pointer}"
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
