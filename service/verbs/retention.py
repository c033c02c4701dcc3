"""retention: jobs removed on request, and what is older than the operator keeps it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from service.clock import told
from service.errors import TuneGateError
from service.jobs import removing
from service.records.access import Caller, Deed
from service.storage.copies import removed
from service.verbs import datasets, evaluations, synth_records, syntheses
from service.verbs.context import Context

_LOG = logging.getLogger("tunegate.retention")
_ACTOR = "retention"
_SECONDS = 3600.0
# no upload takes as long
_LEFT_AFTER = timedelta(days=1)


async def remove_job(context: Context, job_id: str) -> None:
    """Remove a job that has ended: run folder, artifact, checkpoints, inputs, events; the audit log keeps its id.

    Raises:
        TuneGateError: `unknown_id`, `job_not_finished`, and what the storage raises.
    """
    deed = Deed(context.caller.actor, "job.deleted")
    runs = context.settings.runs
    await asyncio.to_thread(context.store.job, job_id)
    await asyncio.to_thread(context.answerers.end_below, runs / job_id)
    await removing.remove_job(context.store, context.files, runs, job_id, deed)
    await asyncio.to_thread(settle, context)


def settle(context: Context) -> None:
    """Make what was removed from the databases unreadable; what readers keep back now goes with the next sweep."""
    if not (context.store.settle() and removing.settle_jobs(context.runner.engine)):
        _LOG.info("retention", extra={"fields": {"waits": "somebody reads the database"}})


async def sweep_for_ever(context: Context) -> None:
    """Sweep at the start and every hour; a sweep that fails is told in the log and tried again."""
    while True:
        try:
            await sweep(context)
        except Exception as error:  # noqa: BLE001 - its words may be anything
            _LOG.warning("retention", extra={"fields": {"error": type(error).__name__}})
        await asyncio.sleep(_SECONDS)


async def sweep(context: Context) -> None:
    """Remove what is too old, and what this machine still has of what was removed by another."""
    kept, removal = context.settings.storage.retention, context.store.removal
    await _remove(context, kept.jobs, removal.old_jobs, remove_job)
    await _remove(context, kept.evaluations, removal.old_evaluations, evaluations.remove)
    await _remove(context, kept.syntheses, removal.old_syntheses, syntheses.remove)
    await _remove(context, kept.syntheses, removal.old_synth_records, _remove_synth_record)
    await _remove(context, kept.datasets, removal.old_datasets, _remove_dataset)
    await asyncio.to_thread(_remove_leftovers, context)
    before = told(datetime.now(UTC) - _LEFT_AFTER)
    await asyncio.to_thread(removing.remove_left, context.store, context.storage, before=before)
    await asyncio.to_thread(settle, context)


async def _remove(
    context: Context,
    days: int | None,
    old: Callable[[str], list[tuple[str, str]]],
    remove: Callable[[Context, str], Awaitable[None]],
) -> None:
    if days is None:
        return
    before = told(datetime.now(UTC) - timedelta(days=days))
    for project, identifier in await asyncio.to_thread(old, before):
        own = context.of(Caller(project, _ACTOR, frozenset()))
        try:
            await remove(own, identifier)
        except TuneGateError as error:
            # one that is in use, or was removed meanwhile; the others go
            _LOG.info("retention", extra={"fields": {"id": identifier, "code": error.code}})


async def _remove_dataset(context: Context, identifier: str) -> None:
    await asyncio.to_thread(datasets.delete_dataset, context, identifier)


async def _remove_synth_record(context: Context, identifier: str) -> None:
    if not await asyncio.to_thread(context.store.syntheses.names_record, identifier):
        await asyncio.to_thread(synth_records.remove, context, identifier)


def _remove_leftovers(context: Context) -> None:
    """A service on another machine removes records and objects, and knows nothing of copies on this one."""
    for out in [path for path in context.settings.runs.glob("*") if path.is_dir()]:
        if context.store.removal.was_removed(out.name):
            removed(out)
    for project, copy in context.storage.dataset_copies():
        try:
            datasets.dataset(context.of(Caller(project, _ACTOR, frozenset())), copy.stem)
        except TuneGateError:
            removed(copy)
