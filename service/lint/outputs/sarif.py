"""SARIF 2.1.0, for code scanning and editors."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from service import __version__
from service.lint.catalogue import documentation, explain
from service.lint.fingerprint import fingerprints
from service.lint.outputs.groups import groups, printable, title
from service.records.lint_report import Finding, LintReport

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
# offsets count decompressed bytes, so they name no place in these
_PACKED = (".gz", ".zst", ".parquet")


def sarif(report: LintReport, *, rule_pages: str = "") -> str:
    """The log of one run.

    Results carry fingerprints that survive moved lines. `rule_pages` is the address that rule ids are appended to
    where a service shows their pages; without one each rule's page is in `help`. Fixes are not claimed: a fix
    rewrites the row, which a SARIF consumer cannot do.
    """
    levels = {group.rule: _LEVELS[group.severity] for group in groups(report)}
    rules = sorted({*report.rules_run, *levels})
    order = {rule: i for i, rule in enumerate(rules)}
    places = {file.path: i for i, file in enumerate(report.files)}
    marks = fingerprints(report)
    driver: dict[str, Any] = {"name": "tunegate", "semanticVersion": __version__}
    driver["rules"] = [_rule(rule, levels.get(rule), rule_pages) for rule in rules]
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"tunegate lint/{report.target}/{report.method}/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(report)}],
        "artifacts": [
            {
                "location": {"uri": _uri(file.path)},
                "length": file.bytes,
                "roles": ["analysisTarget"],
                "hashes": {"sha-256": file.sha256},
                "properties": {"role": file.role, "rows": file.rows},
            }
            for file in report.files
        ],
        "results": [
            _result(finding, order[finding.rule], places.get(finding.path), mark)
            for finding, mark in zip(report.findings, marks, strict=True)
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "report": report.id,
            "rules_revision": report.rules_revision,
            "verdict": report.verdict,
            "counts": report.counts,
            "truncated": report.truncated,
            "baseline": report.baseline,
            "known": report.known,
        },
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _rule(rule: str, level: str | None, rule_pages: str) -> dict[str, Any]:
    page = explain(rule)
    made: dict[str, Any] = {"id": rule}
    if page is not None:
        name = title(rule)
        made |= {
            "name": "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", name)),
            "shortDescription": {"text": f"{name}."},
            "fullDescription": {"text": documentation(rule)[1]["What it finds"]},
            "help": {"text": page, "markdown": page},
        }
        if rule_pages:
            made["helpUri"] = f"{rule_pages.rstrip('/')}/{rule}"
    if level is not None:
        made["defaultConfiguration"] = {"level": level}
    return made


def _result(finding: Finding, index: int, artifact: int | None, mark: str) -> dict[str, Any]:
    where: dict[str, Any] = {"uri": _uri(finding.path)}
    if artifact is not None:
        where["index"] = artifact
    place: dict[str, Any] = {"artifactLocation": where}
    if finding.line is not None:
        # the whole line; code scanning wants columns, though the standard has these by default
        place["region"] = {"startLine": finding.line, "startColumn": 1, "endLine": finding.line}
        if finding.byte_offset is not None and not finding.path.endswith(_PACKED):
            place["region"]["byteOffset"] = finding.byte_offset
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": printable(finding.pointer), "kind": "member"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": printable(finding.message)},
        "locations": [location],
        "partialFingerprints": {"tunegateFinding/v2": mark},
        "properties": {"fix": finding.fix},
    }


def _notifications(report: LintReport) -> list[dict[str, Any]]:
    said = [f"Not scanned: {one.what} ({one.why})." for one in report.not_scanned]
    said += [f"{count} more findings of {rule} are counted but not listed." for rule, count in report.truncated.items()]
    return [{"level": "note", "message": {"text": line}} for line in said]


def _uri(path: str) -> str:
    """A relative reference as it stands, an absolute path as file:."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(os.fsencode(pure.as_posix()))
