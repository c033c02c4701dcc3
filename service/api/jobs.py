"""Routes of jobs: launch, follow, cancel, fetch."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import HeaderParameter, Parameter
from litestar.response import File, Stream

from service.api.events import MEDIA_TYPE, LastEvent, event_stream
from service.api.problems import OF_BODIES, documented
from service.records.artifacts import Artifacts
from service.records.job import Job
from service.records.manifest import Manifest
from service.verbs import hosted, jobs, retention
from service.verbs.artifact import zipped
from service.verbs.context import Context
from service.verbs.cursors import position

Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key", max_length=255)]
Limit = Annotated[int, Parameter(ge=1, le=500)]


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
        "/{identifier:str}/artifact", sync_to_thread=True, media_type="application/zip", responses=documented(404, 409)
    )
    def artifact(self, identifier: str, context: Context) -> Stream:
        """The whole artifact as a zip stream."""
        out, _ = jobs.artifact(context, identifier)
        headers = {"Content-Disposition": f'attachment; filename="{identifier}.zip"'}
        return Stream(zipped(out), media_type="application/zip", headers=headers)

    @get("/{identifier:str}/artifact/{path:path}", sync_to_thread=True, responses=documented(404, 409))
    def file(self, identifier: str, path: str, context: Context) -> File:
        """One file of the artifact."""
        found = jobs.artifact_file(context, identifier, str(path))
        return File(found, filename=found.name, media_type="application/octet-stream")
