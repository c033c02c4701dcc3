"""Routes of syntheses: launch, follow, cancel, read, remove."""

from __future__ import annotations

import asyncio

from litestar import Controller, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from service.api.events import MEDIA_TYPE, LastEvent, event_stream
from service.api.parameters import Key, Limit
from service.api.problems import OF_BODIES, documented
from service.records.synth_job import SynthJob
from service.verbs import syntheses
from service.verbs.context import Context
from service.verbs.synthesizing.body import SynthBody

_LINES = "application/jsonl"
_ORIGINS = ResponseSpec(
    bytes, generate_examples=False, media_type=_LINES,
    description="A line for each row of the dataset: its hash, and what it was written from, by which prompt.",
)  # fmt: skip


class Syntheses(Controller):
    """Rows that a model writes from documents, or for simulated people."""

    path = "/synth"
    tags = ("synth",)

    @post(status_code=202, responses=documented(403, 409, *OF_BODIES, 422, 429, 501))
    async def launch(self, data: SynthBody, context: Context, idempotency_key: Key = None) -> Response[SynthJob]:
        """Queue a synthesis; the same Idempotency-Key gives the same one.

        Only endpoints that the operator lists are asked (TUNEGATE_ENDPOINTS), and personal data leaves this machine in
        no request.
        """
        made = await syntheses.launch(context, data, idempotency_key=idempotency_key)
        return Response(made, headers={"Location": f"/v1/synth/{made.id}"})

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> syntheses.SynthList:
        """Syntheses in order of submission, without their records."""
        return syntheses.list_syntheses(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> SynthJob:
        """A synthesis as it stands; of a finished one with its record, and the dataset that its rows are."""
        return syntheses.synthesis(context, identifier)

    @get("/{identifier:str}/provenance", sync_to_thread=True, responses=documented(404) | {200: _ORIGINS})
    def provenance(self, identifier: str, context: Context) -> Response[bytes]:
        """Where each row of the dataset comes from, as JSONL; empty until there are rows."""
        return Response(syntheses.origins(context, identifier), media_type=_LINES)

    @post("/{identifier:str}/cancel", status_code=202, responses=documented(404, 409))
    async def cancel(self, identifier: str, context: Context) -> SynthJob:
        """Stop a synthesis and its process; what was answered is kept for who `continues` it."""
        return await syntheses.cancel(context, identifier)

    @get("/{identifier:str}/events", media_type=MEDIA_TYPE, responses=documented(404, 422))
    async def events(self, identifier: str, context: Context, last_event_id: LastEvent = None) -> Stream:
        """Server-sent events (state, progress, end); goes on after Last-Event-ID."""
        await asyncio.to_thread(context.store.syntheses.get, identifier)
        return event_stream(syntheses.events(context, identifier, after=last_event_id))

    @delete("/{identifier:str}", responses=documented(404))
    async def remove(self, identifier: str, context: Context) -> None:
        """Remove a synthesis, its record and every reply; its dataset stays. One that runs is ended first."""
        await syntheses.remove(context, identifier)
