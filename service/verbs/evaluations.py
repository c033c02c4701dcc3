"""evaluations: carried out by the service, followed, cancelled, and their records kept for decisions and plans."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.jobs.evaluations import EVALUATIONS
from service.records.access import Deed
from service.records.evaluation import Evaluation
from service.records.evaluation_job import EvaluationJob, EvaluationMoment
from service.records.identity import digest
from service.records.job import ENDED
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.verbs.evaluating.body import EvaluationRequest, decoded, read_body
from service.verbs.evaluating.documents import FOLDER
from service.verbs.evaluating.process import EvaluationWork
from service.verbs.following import Event
from service.verbs.seen import told_on


class EvaluationList(msgspec.Struct, frozen=True):
    """A page of evaluations, without their records; `next` is the cursor of the page after it."""

    items: list[EvaluationJob]
    next: str | None


async def launch(context: Context, body: bytes, *, idempotency_key: str | None) -> EvaluationJob:
    """Queue an evaluation; the same key gives the same one.

    Raises:
        TuneGateError: `invalid_input`, `endpoint_not_allowed`, `missing_key`, `quota_exceeded`; `key_reused` for a key
            of another body.
    """
    job, new = await asyncio.to_thread(_stored, context, body, idempotency_key)
    if new or job.state == "queued":
        await context.runner.evaluations.submit(job.id)
    return job


async def cancel(context: Context, identifier: str) -> EvaluationJob:
    """Ask an evaluation to stop; its process is gone when the state says `cancelled`, its answers are kept.

    Raises:
        TuneGateError: `unknown_id`, `evaluation_finished`.
    """
    job = await asyncio.to_thread(context.store.evaluations.get, identifier)
    if job.state in ENDED:
        raise TuneGateError("evaluation_finished", f"The evaluation is {job.state}.")
    deed = Deed(context.caller.actor, "evaluation.cancelled")
    await asyncio.to_thread(context.store.audit.note, deed, identifier)
    job = await asyncio.to_thread(EVALUATIONS.enter, identifier, "cancelling")
    if job.state == "cancelling":
        context.runner.evaluations.cancel_soon(identifier)
    return job


async def remove(context: Context, identifier: str) -> None:
    """Remove an evaluation with its record and every answer; one that runs is ended first, with all its processes.

    Decisions, plans and manifests that name its record keep the id.

    Raises:
        TuneGateError: `unknown_id`.
    """
    await asyncio.to_thread(context.store.evaluations.get, identifier)
    # before the deed: a service that is killed while it removes leaves the entry
    deed = Deed(context.caller.actor, "evaluation.deleted")
    await asyncio.to_thread(context.store.audit.note, deed, identifier)
    await context.runner.evaluations.remove(identifier)


def events(context: Context, identifier: str, *, after: str | None) -> AsyncIterator[Event | None]:
    """As `service.verbs.seen.told_on`: how far it is counts rows that were asked."""
    return told_on(context, context.evaluations_followed, identifier, after, lambda job: job.progress.asked)


def list_evaluations(context: Context, *, cursor: str | None, limit: int) -> EvaluationList:
    """A page of evaluations in order of submission."""
    items, following = page_of(
        lambda after, most: context.store.evaluations.page(after=after, limit=most), cursor, limit
    )
    return EvaluationList(items, following)


def evaluation(context: Context, identifier: str) -> EvaluationJob:
    """An evaluation as it stands, with its record once there is one.

    Raises:
        TuneGateError: `unknown_id`.
    """
    job = context.store.evaluations.get(identifier)
    if job.evaluation_id is None:
        return job
    return msgspec.structs.replace(job, evaluation=context.store.get("evaluation", job.evaluation_id, Evaluation))


def _stored(context: Context, content: bytes, key: str | None) -> tuple[EvaluationJob, bool]:
    body, errors = decoded(content)
    request, checked = read_body(context, body, errors)
    identifier = str(uuid.uuid4())
    roots = {"runs": str(context.settings.runs), "models": str(context.settings.models)}
    work = EvaluationWork(request=request, checked=checked, data=str(context.files.datasets), **roots)
    files = {f"{FOLDER}/{one.name}": one.text for one in body.documents}
    timeline = [EvaluationMoment("queued", now())]
    made = EvaluationJob(id=identifier, request=_asked(body), state="queued", timeline=timeline)
    deed = Deed(context.caller.actor, "evaluation.launched")
    most, new = context.settings.access.project_evaluations, False
    try:
        inputs = context.runner.evaluations.prepare(identifier, work.inputs(files, continues=body.continues))
        job, new = context.store.evaluations.add(made, key, [deed], inputs=inputs, most_open=most)
    finally:
        if not new:
            context.runner.evaluations.unprepare(identifier)
    if not new and job.request != made.request:
        raise TuneGateError(
            "key_reused", "The Idempotency-Key was used for another evaluation.", remedy="Use a new key."
        )
    return job, new


def _asked(body: EvaluationRequest) -> str:
    """What a repeated key is held against; a body without documents as before there were any."""
    found = msgspec.to_builtins(body)
    return digest(found if body.documents else {key: value for key, value in found.items() if key != "documents"})
