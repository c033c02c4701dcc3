"""Routes of evaluations: launch, follow, cancel, read, remove."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.response import Stream

from service.api.chat import ChatOperation
from service.api.events import MEDIA_TYPE, LastEvent, event_stream
from service.api.parameters import Key, Limit
from service.api.problems import OF_BODIES, documented
from service.records.evaluation_job import EvaluationJob
from service.verbs import evaluations
from service.verbs.context import Context
from service.verbs.evaluating import page as evaluation_page
from service.verbs.evaluating.body import EvaluationRequest


@dataclass
class EvaluationOperation(ChatOperation):
    """The body of an evaluation; read by hand for the same reason."""

    body: ClassVar[type[msgspec.Struct]] = EvaluationRequest


class Evaluations(Controller):
    """Variants and models measured on a stored dataset."""

    path = "/evaluations"
    tags = ("evaluations",)

    @post(status_code=202, operation_class=EvaluationOperation, responses=documented(403, 409, *OF_BODIES, 422, 501))
    async def launch(
        self, request: Request[Any, Any, Any], context: Context, idempotency_key: Key = None
    ) -> Response[EvaluationJob]:
        """Queue an evaluation; the same Idempotency-Key gives the same one.

        Only endpoints that the operator lists are asked (TUNEGATE_ENDPOINTS).
        """
        made = await evaluations.launch(context, await request.body(), idempotency_key=idempotency_key)
        return Response(made, headers={"Location": f"/v1/evaluations/{made.id}"})

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> evaluations.EvaluationList:
        """Evaluations in order of submission, without their records."""
        return evaluations.list_evaluations(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[EvaluationJob]:
        """An evaluation as it stands; a finished one's record as JSON, or (by Accept) as an HTML or Markdown page."""
        found = evaluations.evaluation(context, identifier)
        headers = {"Vary": "Accept"}
        wanted = request.headers.get("accept", "")
        shown: Response[Any] = Response(found, media_type="application/json", headers=headers)
        if found.evaluation is not None and "text/html" in wanted:
            shown = Response(evaluation_page.html(found.evaluation), media_type="text/html", headers=headers)
        elif found.evaluation is not None and "text/markdown" in wanted:
            shown = Response(evaluation_page.markdown(found.evaluation), media_type="text/markdown", headers=headers)
        return shown

    @post("/{identifier:str}/cancel", status_code=202, responses=documented(404, 409))
    async def cancel(self, identifier: str, context: Context) -> EvaluationJob:
        """Stop an evaluation and its process; what was answered is kept."""
        return await evaluations.cancel(context, identifier)

    @get("/{identifier:str}/events", media_type=MEDIA_TYPE, responses=documented(404, 422))
    async def events(self, identifier: str, context: Context, last_event_id: LastEvent = None) -> Stream:
        """Server-sent events (state, progress, end); goes on after Last-Event-ID."""
        await asyncio.to_thread(context.store.evaluations.get, identifier)
        return event_stream(evaluations.events(context, identifier, after=last_event_id))

    @delete("/{identifier:str}", responses=documented(404))
    async def remove(self, identifier: str, context: Context) -> None:
        """Remove an evaluation, its record and its answers; one that runs is ended first, with its processes."""
        await evaluations.remove(context, identifier)
