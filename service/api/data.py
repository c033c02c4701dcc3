"""Routes of data: lint without storing, and stored datasets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from service.api.bodies import (
    DatasetOperation,
    LintOperation,
    RedactOperation,
    dataset_query,
    named_upload,
    sent,
    upload_of,
    worked_on,
)
from service.api.problems import documented
from service.errors import TuneGateError
from service.observe.metrics import count_lint
from service.records.dataset import Dataset
from service.records.lint_report import LintReport
from service.verbs import datasets
from service.verbs.context import Context
from service.verbs.linting.output import render
from service.verbs.linting.query import lint_request
from service.verbs.receiving.uploads import received
from service.verbs.redacting.query import ready_redactor, redact_options, redact_upload
from service.verbs.redacting.settings import tables_of
from service.verbs.synth_records import known_origins

_JSON = "application/json"
_LINES = "application/jsonl"
_RECORD_HEADER = "Tunegate-Redaction"
_REPORT_FORMATS = {"application/sarif+json": "sarif", "text/html": "html"}
_REPORT = ResponseSpec(LintReport, generate_examples=False, description="The report; by Accept as SARIF or as a page.")
_PROBLEMS = documented(408, 413, 415, 422, 501, 507)
_STORED = _PROBLEMS | documented(403, 404, 500, 502, 503)
_REDACTED = ResponseSpec(
    bytes, generate_examples=False, media_type=_LINES,
    description=f"The same rows, redacted; the header {_RECORD_HEADER} has the record that the command line prints.",
)  # fmt: skip


@post(
    "/lint", status_code=200, request_max_body_size=None, tags=["lint"], responses=_PROBLEMS,
    operation_class=LintOperation, summary="Lint a body of JSONL or Parquet; nothing is stored.",
)  # fmt: skip
async def lint_body(request: Request[Any, Any, Any], context: Context) -> LintReport:
    tables = tables_of(context.settings.privacy_settings)
    asked = lint_request(list(request.query_params.multi_items()), context.rules, privacy=tables)
    await datasets.refuse_early(context, asked)
    async with received(upload_of(request), context.settings, context.bodies) as path:
        report = await worked_on(request, context, path, lambda stop: datasets.lint_body(context, path, asked, stop))
    return _counted(report)


@post(
    "/redact", status_code=200, request_max_body_size=None, tags=["redact"], operation_class=RedactOperation,
    responses=_PROBLEMS | documented(403, 404, 429) | {200: _REDACTED},
    summary="A JSONL body without personal data and secrets; of it nothing is stored.",
)  # fmt: skip
async def redact_body(request: Request[Any, Any, Any], context: Context) -> Stream:
    """Nothing is sent before all of it is redacted, so an answer of 200 is whole or broken off by its length.

    With `synth` (and the scope write) it is kept which rows are the synthesis', by their new hashes.
    """
    tables = tables_of(context.settings.privacy_settings)
    _, synth, query = dataset_query(request, takes_url=False)
    options = redact_options(query, tables)
    if synth and not context.caller.may("write"):
        raise TuneGateError("forbidden", "With synth something is kept.", remedy="It takes a key with the scope write.")
    origins = await asyncio.to_thread(known_origins, context, synth)
    redactor = await ready_redactor(options)
    async with received(upload_of(request), context.settings, context.bodies) as path:
        body = await worked_on(
            request, context, path, lambda stop: redact_upload(context, path, options, redactor, stop, origins)
        )
    headers = {
        "Content-Length": str(body.record.files[0].output.bytes),
        _RECORD_HEADER: json.dumps(msgspec.to_builtins(body.record)),
    }
    return Stream(sent(body.file), media_type=_LINES, headers=headers)


class Datasets(Controller):
    """Datasets kept with the report they were stored with."""

    path = "/datasets"
    tags = ("datasets",)

    @post(request_max_body_size=None, responses=_STORED, operation_class=DatasetOperation)
    async def upload(self, request: Request[Any, Any, Any], context: Context) -> Dataset:
        """Store a JSONL body, or what lies under a URL; also when the verdict is fail (a plan on it is blocked)."""
        tables = tables_of(context.settings.privacy_settings)
        url, synth, query = dataset_query(request)
        asked = lint_request(query, context.rules, stored=True, privacy=tables)
        await datasets.refuse_early(context, asked, synth=synth)
        upload = upload_of(request) if url is None else await named_upload(request, context, url)
        async with received(upload, context.settings, context.bodies) as path:
            stored = await worked_on(
                request, context, path, lambda stop: datasets.store_dataset(context, path, asked, stop, synth=synth)
            )
        _counted(stored.report)
        return stored

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Dataset:
        """A stored dataset's record."""
        return datasets.dataset(context, identifier)

    @delete("/{identifier:str}", sync_to_thread=True, responses=documented(404, 409))
    def remove(self, identifier: str, context: Context) -> None:
        """Remove a dataset for good, with its bytes and its report; not while a job reads it."""
        datasets.delete_dataset(context, identifier)

    @get("/{identifier:str}/report", sync_to_thread=True, responses=documented(404) | {200: _REPORT})
    def report(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[bytes]:
        """The lint report as JSON, or (by Accept) as SARIF or as an HTML page."""
        report = datasets.dataset(context, identifier).report
        kind = request.accept.best_match([_JSON, *_REPORT_FORMATS]) or _JSON
        if kind == _JSON:
            content = msgspec.json.encode(report)
        else:
            rule_pages = f"{request.base_url}v1/rules/ids"
            content = render(report, _REPORT_FORMATS[kind], rule_pages=rule_pages).encode()
        return Response(content, media_type=kind, headers={"Vary": "Accept"})


def _counted(report: LintReport) -> LintReport:
    count_lint(report.counts, sum(file.bytes for file in report.files))
    return report
