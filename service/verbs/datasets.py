"""datasets: stored bytes with the report they were stored with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from service.errors import TuneGateError
from service.files import write_error
from service.records.dataset import Dataset
from service.records.identity import record_id
from service.records.lint_report import LintReport
from service.verbs.context import Context
from service.verbs.lint import LintInput, LintRequest, lint

# Azure's and OpenAI's limit for one file; a larger set goes in parts
MAX_UPLOAD_BYTES = 512 * 2**20


@asynccontextmanager
async def received(chunks: AsyncIterator[bytes], folder: Path) -> AsyncIterator[Path]:
    """A temporary file with the streamed body; gone when the block ends, unless it was moved away.

    Raises:
        TuneGateError: `too_large`, `disk_full`.
    """
    path = folder / f".upload-{os.urandom(8).hex()}"
    size = 0
    try:
        try:
            await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
            async with await anyio.open_file(path, "wb") as sink:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_UPLOAD_BYTES:
                        raise TuneGateError(
                            "too_large",
                            f"The body is larger than {MAX_UPLOAD_BYTES} bytes.",
                            remedy="Split the file: several files can be linted as one corpus.",
                        )
                    await sink.write(chunk)
        except OSError as error:
            raise write_error(folder, error) from error
        yield path
    finally:
        await anyio.Path(path).unlink(missing_ok=True)


def lint_upload(context: Context, path: Path, *, target: str, method: str, model: str | None) -> LintReport:
    """The report on an uploaded body."""
    request = LintRequest(inputs=[LintInput(path, "-")], target=target, method=method, model=model)
    return lint(request, rules=context.rules)


def store_dataset(context: Context, path: Path, *, target: str, method: str, model: str | None) -> Dataset:
    """Lint and keep a dataset, whatever the verdict; the same upload gives the same record."""
    report = lint_upload(context, path, target=target, method=method, model=model)
    file = report.files[0]
    identity = {"sha256": file.sha256, "target": report.target, "method": method, "model": model}
    dataset = Dataset(id=record_id(identity), sha256=file.sha256, bytes=file.bytes, rows=file.rows, report=report)
    kept = dataset_path(context, dataset)
    if not kept.exists():
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        path.replace(kept)
    return context.store.put("dataset", dataset.id, dataset)


def dataset(context: Context, identifier: str) -> Dataset:
    """A stored dataset.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return context.store.get("dataset", identifier, Dataset)


def delete_dataset(context: Context, identifier: str) -> None:
    """Remove a dataset and its bytes."""
    found = dataset(context, identifier)
    context.store.forget("dataset", identifier)
    dataset_path(context, found).unlink(missing_ok=True)


def dataset_path(context: Context, found: Dataset) -> Path:
    """Where the bytes of a dataset lie; named by the record, so deleting one never takes another's."""
    folder = context.settings.home / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{found.id}.jsonl"
