"""evaluations: carried out by the service, followed, cancelled, and their records kept for decisions and plans."""

from __future__ import annotations

import asyncio
import shutil
import uuid

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.evaluate.answer_log import ANSWERS
from service.jobs.evaluations import enter
from service.records.access import Deed
from service.records.evaluation import Evaluation
from service.records.evaluation_job import EvaluationJob, EvaluationMoment
from service.records.identity import digest
from service.records.job import ENDED
from service.verbs.context import Context
from service.verbs.evaluation_body import decoded, read_body
from service.verbs.evaluation_process import ANSWERS as FOLDER
from service.verbs.evaluation_process import EvaluationWork, encoded

# 2^63 has nineteen digits
_LONGEST_CURSOR = 18


class EvaluationList(msgspec.Struct, frozen=True):
    """A page of evaluations, without their records; `next` is the cursor of the page after it."""

    items: list[EvaluationJob]
    next: str | None


async def launch(context: Context, body: bytes, *, idempotency_key: str | None) -> EvaluationJob:
    """Queue an evaluation; the same key gives the same one.

    Raises:
        TuneGateError: `invalid_input`, `endpoint_not_allowed`, `missing_key`; `key_reused` for a key of another body.
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
    job = await asyncio.to_thread(enter, identifier, "cancelling")
    if job.state == "cancelling":
        context.runner.evaluations.cancel_soon(identifier)
    return job


def list_evaluations(context: Context, *, cursor: str | None, limit: int) -> EvaluationList:
    """A page of evaluations in order of submission."""
    if (
        (cursor is not None and not cursor.isascii())
        or (cursor and not cursor.isdigit())
        or len(cursor or "") > _LONGEST_CURSOR
    ):
        raise TuneGateError("invalid_input", "The cursor is not one of ours.", remedy="Leave it out to start anew.")
    found = context.store.evaluations.page(after=int(cursor or 0), limit=limit + 1)
    page = found[:limit]
    return EvaluationList([job for _, job in page], str(page[-1][0]) if len(found) > limit else None)


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
    answers = _answers(context, body.continues)
    identifier = str(uuid.uuid4())
    work = EvaluationWork(request=request, checked=checked, data=str(context.datasets))
    out = context.runner.evaluations.prepare(identifier, encoded(work), answers=answers)
    timeline = [EvaluationMoment("queued", now())]
    made = EvaluationJob(id=identifier, request=digest(body), state="queued", timeline=timeline)
    deed = Deed(context.caller.actor, "evaluation.launched")
    job, new = context.store.evaluations.add(made, key, [deed])
    if not new:
        shutil.rmtree(out, ignore_errors=True)
        if job.request != made.request:
            raise TuneGateError(
                "key_reused", "The Idempotency-Key was used for another evaluation.", remedy="Use a new key."
            )
    return job, new


def _answers(context: Context, identifier: str | None) -> bytes | None:
    """What an earlier evaluation was answered, as far as it got."""
    if identifier is None:
        return None
    try:
        return (context.settings.evaluations / identifier / FOLDER / ANSWERS).read_bytes()
    except FileNotFoundError:
        return None
