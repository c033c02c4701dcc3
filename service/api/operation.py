"""Routes of operation: is it alive, is it ready."""

from __future__ import annotations

from litestar import Response, get

from service.verbs.context import Context


@get("/health/live", tags=["operation"], summary="The process answers.")
async def live() -> dict[str, str]:
    return {"status": "live"}


@get("/health/ready", tags=["operation"], sync_to_thread=True, summary="The database answers too.")
def ready(context: Context) -> Response[dict[str, str]]:
    answers = context.store.ready()
    return Response({"status": "ready" if answers else "not ready"}, status_code=200 if answers else 503)
