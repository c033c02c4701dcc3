"""datasets: bodies linted, and stored with the report they were stored with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread
import msgspec

from service.data import RuleFiles
from service.jobs.keeping import keep_dataset
from service.parquet import MAGIC
from service.records.access import Deed
from service.records.dataset import Dataset
from service.records.lint_report import LintReport
from service.verbs.context import Context
from service.verbs.lint import LintInput, LintRequest, asked, lint
from service.verbs.linting.stored import dataset_of
from service.verbs.receiving.bodies import is_large
from service.verbs.receiving.uploads import client_left, readable
from service.verbs.synth_records import known_origins


async def refuse_early(context: Context, request: LintRequest, *, synth: Sequence[str] = ()) -> None:
    """What keeps a request from being answered whatever its body is, before that is read.

    Raises:
        TuneGateError: as `service.verbs.lint.asked`, `missing_extra` among others; `unknown_id` for `synth`.
    """
    await anyio.to_thread.run_sync(asked, request, context.rules)
    await anyio.to_thread.run_sync(known_origins, context, synth)


def lint_upload(context: Context, path: Path, request: LintRequest, stop: threading.Event) -> LintReport:
    """The report on a received body, as `tunegate lint` gives it for the same bytes; a large one by a worker.

    Raises:
        TuneGateError: `interrupted` once `stop` is set; for Parquet as `service.lint.parquet_limited.limited_lines`;
            `worker_lost`.
    """
    privacy = msgspec.structs.replace(request.privacy, home=context.settings.home)
    request = msgspec.structs.replace(request, privacy=privacy)
    if is_large(path):
        return context.workers.run(linted, path, request, stop=stop)
    return linted(path, request, context.rules, stop)


def linted(path: Path, request: LintRequest, rules: RuleFiles, stop: threading.Event) -> LintReport:
    """The same, by whoever does it."""

    def unless_stopped(read_bytes: int) -> None:
        del read_bytes
        if stop.is_set():
            raise client_left()

    with readable(path, stop) as body:
        if body.peek(len(MAGIC)).startswith(MAGIC):
            # its index stands at the end, so it is read as the file that it is
            request = msgspec.structs.replace(request, inputs=[LintInput(path, "-")])
        return lint(request, rules=rules, stdin=body, progress=unless_stopped)


def lint_body(context: Context, path: Path, request: LintRequest, stop: threading.Event) -> LintReport:
    """The same where nothing is kept, so that Parquet, which no trainer reads, is taken too."""
    limited = msgspec.structs.replace(request, parquet=True, parquet_bytes=context.settings.max_body_bytes)
    return lint_upload(context, path, limited, stop)


def store_dataset(
    context: Context, path: Path, request: LintRequest, stop: threading.Event, *, synth: Sequence[str] = ()
) -> Dataset:
    """Lint and keep a dataset, whatever the verdict; the same upload gives the same record.

    `synth` are ids of syntheses' records: rows of theirs are told as such in the report and in all that rests on it.

    Raises:
        TuneGateError: `interrupted` once `stop` is set, before anything is kept; `unknown_id` for `synth`.
    """
    if synth:
        # its lines are looked up, so it is read as the file that it is
        given = LintInput(path, "-", origins=known_origins(context, synth))
        request = msgspec.structs.replace(request, inputs=[given])
    report = lint_upload(context, path, request, stop)
    made = dataset_of(request, report)
    if stop.is_set():
        raise client_left()
    return keep_dataset(context.store, context.files, made, path, context.settings.access.project_bytes)


def dataset(context: Context, identifier: str) -> Dataset:
    """A stored dataset.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return context.store.get("dataset", identifier, Dataset)


def delete_dataset(context: Context, identifier: str) -> None:
    """Remove a dataset with its bytes, its copies and its report; the record goes last, so that it can be asked again.

    Raises:
        TuneGateError: `unknown_id`, `dataset_in_use`, and what the storage raises.
    """
    found = dataset(context, identifier)
    context.store.removal.require_unused(found.id)
    context.files.remove_dataset(found.id)
    context.store.removal.dataset(found.id, Deed(context.caller.actor, "dataset.deleted"))
    context.store.settle()


def dataset_file(context: Context, found: Dataset) -> Path:
    """The bytes of a dataset as a file of this machine, checked.

    Raises:
        TuneGateError: `storage_missing`, `storage_corrupt`, `storage_refused`, `storage_unreachable`, `disk_full`.
    """
    return context.files.dataset(found.id, sha256=found.sha256, size=found.bytes)
