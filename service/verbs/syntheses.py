"""syntheses: rows that a model writes for the service, followed, cancelled, and stored as datasets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.jobs.outside_inputs import DOCUMENTS, OutsideInputs
from service.jobs.syntheses import SYNTHESES
from service.records.access import Deed
from service.records.evaluation_job import EvaluationMoment
from service.records.identity import digest
from service.records.job import ENDED
from service.records.synth_job import SynthJob, SynthOrigins
from service.records.synthesis import SynthReport
from service.store.syntheses import ORIGINS, RECORD
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.verbs.following import Event
from service.verbs.seen import told_on
from service.verbs.synthesizing.body import SynthBody, work_of


class SynthList(msgspec.Struct, frozen=True):
    """A page of syntheses, without their records; `next` is the cursor of the page after it."""

    items: list[SynthJob]
    next: str | None


async def launch(context: Context, body: SynthBody, *, idempotency_key: str | None) -> SynthJob:
    """Queue a synthesis; the same key gives the same one.

    Raises:
        TuneGateError: `invalid_input`, `endpoint_not_allowed`, `missing_key`, `missing_extra`, `quota_exceeded`;
            `key_reused` for a key of another body.
    """
    job, new = await asyncio.to_thread(_stored, context, body, idempotency_key)
    if new or job.state == "queued":
        await context.runner.syntheses.submit(job.id)
    return job


async def cancel(context: Context, identifier: str) -> SynthJob:
    """Ask a synthesis to stop; its process is gone when the state says `cancelled`, its replies are kept.

    Raises:
        TuneGateError: `unknown_id`, `synthesis_finished`.
    """
    job = await asyncio.to_thread(context.store.syntheses.get, identifier)
    if job.state in ENDED:
        raise TuneGateError("synthesis_finished", f"The synthesis is {job.state}.")
    await asyncio.to_thread(context.store.audit.note, Deed(context.caller.actor, "synthesis.cancelled"), identifier)
    job = await asyncio.to_thread(SYNTHESES.enter, identifier, "cancelling")
    if job.state == "cancelling":
        context.runner.syntheses.cancel_soon(identifier)
    return job


async def remove(context: Context, identifier: str) -> None:
    """Remove a synthesis with its record, the origins of its rows and every reply; one that runs is ended first.

    Its rows are a dataset by now, which stays, as do the ids in what rests on it.

    Raises:
        TuneGateError: `unknown_id`.
    """
    await asyncio.to_thread(context.store.syntheses.get, identifier)
    # before the deed: a service that is killed while it removes leaves the entry
    await asyncio.to_thread(context.store.audit.note, Deed(context.caller.actor, "synthesis.deleted"), identifier)
    await context.runner.syntheses.remove(identifier)
    await asyncio.to_thread(context.store.settle)


def events(context: Context, identifier: str, *, after: str | None) -> AsyncIterator[Event | None]:
    """As `service.verbs.seen.told_on`: how far it is counts rows and replies that gave none."""
    how_far = lambda job: job.progress.rows + job.progress.rejected  # noqa: E731
    return told_on(context, context.syntheses_followed, identifier, after, how_far)


def list_syntheses(context: Context, *, cursor: str | None, limit: int) -> SynthList:
    """A page of syntheses in order of submission."""
    items, following = page_of(lambda after, most: context.store.syntheses.page(after=after, limit=most), cursor, limit)
    return SynthList(items, following)


def synthesis(context: Context, identifier: str) -> SynthJob:
    """A synthesis as it stands, with its record once there is one.

    Raises:
        TuneGateError: `unknown_id`.
    """
    job = context.store.syntheses.get(identifier)
    if job.synth_id is None:
        return job
    return msgspec.structs.replace(job, synth=context.store.get(RECORD, job.synth_id, SynthReport))


def origins(context: Context, identifier: str) -> bytes:
    """Where each of its rows comes from, a line each, as `tunegate synth` writes them; nothing where no row stayed.

    Raises:
        TuneGateError: `unknown_id`.
    """
    job = context.store.syntheses.get(identifier)
    if job.synth_id is None or job.dataset_id is None:
        return b""
    found = context.store.get(ORIGINS, job.synth_id, SynthOrigins)
    return b"".join(msgspec.json.encode(one) + b"\n" for one in found.rows)


def _stored(context: Context, asked: SynthBody, key: str | None) -> tuple[SynthJob, bool]:
    work = work_of(context, asked)
    documents, identifier = work.body.documents, str(uuid.uuid4())
    # the texts lie in files of their own
    names = [msgspec.structs.replace(one, text="") for one in documents]
    body = msgspec.structs.replace(work.body, documents=names)
    content = msgspec.json.encode(msgspec.structs.replace(work, body=body)).decode()
    files = {f"{DOCUMENTS}/{one.name}": one.text for one in documents}
    timeline = [EvaluationMoment("queued", now())]
    made = SynthJob(id=identifier, request=digest(msgspec.to_builtins(asked)), state="queued", timeline=timeline)
    needs = OutsideInputs(work=content, files=files, continues=asked.continues)
    most, new = context.settings.access.project_syntheses, False
    deed = Deed(context.caller.actor, "synthesis.launched")
    try:
        inputs = context.runner.syntheses.prepare(identifier, needs)
        job, new = context.store.syntheses.add(made, key, [deed], inputs=inputs, most_open=most)
    finally:
        if not new:
            context.runner.syntheses.unprepare(identifier)
    if not new and job.request != made.request:
        raise TuneGateError(
            "key_reused", "The Idempotency-Key was used for another synthesis.", remedy="Use a new key."
        )
    return job, new
