"""Routes of jobs: launch, follow, cancel, fetch."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.response import Stream

from service.api.events import MEDIA_TYPE, LastEvent, event_stream
from service.api.parameters import Key, Limit
from service.api.problems import OF_BODIES, documented
from service.api.ranges import Download, IfRange, Range, partly, ranged
from service.records.artifacts import Artifacts
from service.records.job import Job
from service.records.manifest import Manifest
from service.verbs import hosted, jobs, retention
from service.verbs.artifact import pieces, zip_identity, zipped
from service.verbs.context import Context
from service.verbs.cursors import position

_ZIP, _BYTES = "application/zip", "application/octet-stream"


class Jobs(Controller):
    """Plans being carried out."""

    path = "/jobs"
    tags = ("jobs",)

    @post(status_code=202, responses=documented(404, 409, *OF_BODIES))
    async def launch(self, data: jobs.JobRequest, context: Context, idempotency_key: Key = None) -> Job:
        """Queue a job for a plan; the same Idempotency-Key gives the same job."""
        return await jobs.launch(context, data, idempotency_key=idempotency_key)

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> jobs.JobList:
        """Jobs in order of submission."""
        return jobs.list_jobs(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Job:
        """A job as it stands."""
        return context.store.job(identifier)

    @get("/{identifier:str}/events", media_type=MEDIA_TYPE, responses=documented(404, 422))
    async def events(self, identifier: str, context: Context, last_event_id: LastEvent = None) -> Stream:
        """Server-sent events (state, step, log, end); goes on after Last-Event-ID."""
        after = position(last_event_id, "Last-Event-ID")
        await asyncio.to_thread(context.store.job, identifier)
        return event_stream(jobs.events(context, identifier, after=after))

    @get("/{identifier:str}/logs", sync_to_thread=True, media_type="text/plain", responses=documented(404))
    def logs(self, identifier: str, context: Context) -> str:
        """The job's messages as text."""
        return jobs.logs(context, identifier)

    @delete("/{identifier:str}", responses=documented(404, 409))
    async def remove(self, identifier: str, context: Context) -> None:
        """Remove a job that has ended, for good: its run folder, artifact, checkpoints and events."""
        await retention.remove_job(context, identifier)

    @post("/{identifier:str}/cancel", status_code=202, responses=documented(404, 409))
    async def cancel(self, identifier: str, context: Context) -> Job:
        """Stop a job and its whole process tree."""
        return await jobs.cancel(context, identifier)

    @post("/{identifier:str}/pause", status_code=202, responses=documented(404, 409, 422))
    async def pause(self, identifier: str, context: Context) -> Job:
        """Ask the job's target to halt it; 422 where the target cannot."""
        return await hosted.halt(context, identifier, "pause")

    @post("/{identifier:str}/resume", status_code=202, responses=documented(404, 409, 422))
    async def resume(self, identifier: str, context: Context) -> Job:
        """Ask the job's target to go on with a paused job."""
        return await hosted.halt(context, identifier, "resume")

    @get("/{identifier:str}/artifacts", sync_to_thread=True, responses=documented(404, 409))
    def artifacts(self, identifier: str, context: Context) -> Artifacts:
        """What a succeeded job made, one by one; of a hosted model its ids and metrics."""
        return hosted.artifacts(context, identifier)

    @get("/{identifier:str}/manifest", sync_to_thread=True, responses=documented(404, 409))
    def manifest(self, identifier: str, context: Context) -> Manifest:
        """The manifest of a succeeded job."""
        return jobs.artifact(context, identifier)[1]

    @get(
        "/{identifier:str}/artifact", sync_to_thread=True, media_type=_ZIP,
        responses=documented(404, 409, 416) | partly(_ZIP),
    )  # fmt: skip
    def artifact(
        self, request: Request[Any, Any, Any], identifier: str, context: Context, range_: Range = None,
        if_range: IfRange = None,
    ) -> Stream:  # fmt: skip
        """The whole artifact as a zip, or a range of its bytes."""
        out, manifest = jobs.artifact(context, identifier)
        size, tag = zip_identity(out, manifest)
        found = Download(size, tag, partial(zipped, out), _ZIP, f"{identifier}.zip")
        return ranged(request, found, range_, if_range)  # type: ignore[return-value]

    @get(
        "/{identifier:str}/artifact/{path:path}", sync_to_thread=True, media_type=_BYTES,
        responses=documented(404, 409, 416) | partly(_BYTES),
    )  # fmt: skip
    def file(
        self, request: Request[Any, Any, Any], identifier: str, path: str, context: Context, range_: Range = None,
        if_range: IfRange = None,
    ) -> Stream:  # fmt: skip
        """One file of the artifact, or a range of its bytes; its ETag is its sha256."""
        found, sha256 = jobs.artifact_file(context, identifier, str(path))
        given = Download(found.stat().st_size, sha256, partial(pieces, found), _BYTES, found.name)
        return ranged(request, given, range_, if_range)  # type: ignore[return-value]
