"""Routes of syntheses: launch, follow, cancel, read, remove."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from service.api.bodies import RecordOperation
from service.api.events import MEDIA_TYPE, LastEvent, event_stream
from service.api.parameters import Key, Limit
from service.api.problems import OF_BODIES, documented
from service.records.synth_job import SynthJob, SynthKept
from service.records.synthesis import SynthReport
from service.verbs import synth_records, syntheses
from service.verbs.context import Context
from service.verbs.synthesizing.body import SynthBody

_LINES = "application/jsonl"
# held in memory: origins of some 60,000 rows
_MOST_RECORD_BYTES = 32 << 20
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

    @post(
        "/records", request_max_body_size=_MOST_RECORD_BYTES, operation_class=RecordOperation,
        responses=documented(*OF_BODIES, 422, 429),
    )  # fmt: skip
    async def bring(self, request: Request[Any, Any, Any], context: Context) -> SynthKept:
        """Keep what `tunegate synth` left elsewhere: NAME.synth.json with NAME.provenance.jsonl behind it.

        A record whose id is not the hash of its content is refused, and so is more than 32 MiB. Uploads then name it:
        POST /v1/datasets?synth=ID.
        """
        body = await request.body()
        return await asyncio.to_thread(synth_records.bring, context, body)

    @get("/records/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def record(self, identifier: str, context: Context) -> SynthReport:
        """The record of a synthesis, of this service or brought to it; the id is its own (synth_id)."""
        return synth_records.record(context, identifier)

    @get("/records/{identifier:str}/provenance", sync_to_thread=True, responses=documented(404) | {200: _ORIGINS})
    def origins(self, identifier: str, context: Context) -> Response[bytes]:
        """Where its rows come from, as JSONL, and those that were made of them."""
        return Response(synth_records.origins(context, identifier), media_type=_LINES)

    @delete("/records/{identifier:str}", sync_to_thread=True, responses=documented(404, 409))
    def forget(self, identifier: str, context: Context) -> None:
        """Remove a record that was brought, with the origins of its rows."""
        synth_records.remove(context, identifier)

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
