"""What a linted file is as a stored dataset."""

from __future__ import annotations

from typing import Any

from service.lint.schemas_given import given_schemas
from service.records.dataset import Dataset
from service.records.identity import record_id
from service.records.lint_report import LintReport
from service.verbs.lint import LintRequest
from service.verbs.linting.query import MAX_FINDINGS


def dataset_of(request: LintRequest, report: LintReport) -> Dataset:
    """The dataset that a report is of; its id says what was asked for beside the bytes."""
    file = report.files[0]
    identity: dict[str, Any] = {
        "sha256": file.sha256, "target": report.target, "method": report.method, "model": report.model,
    }  # fmt: skip
    if request.max_findings != MAX_FINDINGS:
        identity["max_findings"] = str(request.max_findings)
    if request.tokens != "auto":
        identity["tokens"] = request.tokens
    for name in ("near_duplicates", "languages"):
        if getattr(request, name):
            identity[name] = "true"
    identity |= given_schemas(request.row_schema, request.answer_schema).digests
    if (scanned := report.facts["data.pii_scan"]) != "none":
        identity["privacy"] = " ".join([str(scanned), *request.privacy.languages])
    if report.synth:
        identity["synth"] = report.synth
    return Dataset(id=record_id(identity), sha256=file.sha256, bytes=file.bytes, rows=file.rows, report=report)
