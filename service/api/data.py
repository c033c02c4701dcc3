"""Routes of data: lint without storing, and stored datasets."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post

from service.api.problems import documented
from service.records.dataset import Dataset
from service.records.lint_report import LintReport
from service.verbs import datasets
from service.verbs.context import Context
from service.verbs.lint_output import render


@post(
    "/lint", status_code=200, request_max_body_size=None, tags=["lint"], responses=documented(413, 422),
    summary="Lint a JSONL body; nothing is stored.",
)  # fmt: skip
async def lint_body(
    request: Request[Any, Any, Any], context: Context, target: str, method: str = "sft", model: str | None = None
) -> LintReport:
    async with datasets.received(request.stream(), context.settings.home / "uploads") as path:
        return await asyncio.to_thread(datasets.lint_upload, context, path, target=target, method=method, model=model)


class Datasets(Controller):
    """Datasets kept with the report they were stored with."""

    path = "/datasets"
    tags = ("datasets",)

    @post(request_max_body_size=None, responses=documented(413, 422, 507))
    async def upload(
        self,
        request: Request[Any, Any, Any],
        context: Context,
        target: str,
        method: str = "sft",
        model: str | None = None,
    ) -> Dataset:
        """Store a JSONL body, also when the verdict is fail (a plan on it is blocked)."""
        async with datasets.received(request.stream(), context.settings.home / "uploads") as path:
            return await asyncio.to_thread(
                datasets.store_dataset, context, path, target=target, method=method, model=model
            )

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Dataset:
        """A stored dataset's record."""
        return datasets.dataset(context, identifier)

    @delete("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def remove(self, identifier: str, context: Context) -> None:
        """Remove a dataset and its bytes."""
        datasets.delete_dataset(context, identifier)

    @get("/{identifier:str}/report", sync_to_thread=True, responses=documented(404))
    def report(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[bytes]:
        """The lint report as JSON, or as SARIF or a page where `Accept` says application/sarif+json or text/html."""
        report = datasets.dataset(context, identifier).report
        accepted, headers = request.headers.get("accept", ""), {"Vary": "Accept"}
        if "application/sarif+json" in accepted:
            log = render(report, "sarif", rule_pages=f"{request.base_url}v1/rules/ids")
            return Response(log.encode(), media_type="application/sarif+json", headers=headers)
        if "text/html" in accepted:
            return Response(render(report, "html").encode(), media_type="text/html", headers=headers)
        return Response(msgspec.json.encode(report), media_type="application/json", headers=headers)
