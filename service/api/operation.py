"""Routes of operation: is it alive, is it ready, how much is there to do."""

from __future__ import annotations

from litestar import Response, get

from service.api.problems import documented
from service.errors import TuneGateError
from service.observe.metrics import Gauges, exposition
from service.verbs.context import Context
from service.verbs.operation import require_ready, standing


@get("/health/live", tags=["operation"], summary="The process answers.")
async def live() -> dict[str, str]:
    return {"status": "live"}


@get(
    "/health/ready", tags=["operation"], sync_to_thread=True, responses=documented(503),
    summary="Database, storage and queues answer too; else 503 names what does not.",
)  # fmt: skip
def ready(context: Context) -> dict[str, str]:
    require_ready(context)
    return {"status": "ready"}


@get("/metrics", tags=["operation"], sync_to_thread=True, media_type="application/openmetrics-text")
def metrics(context: Context) -> Response[bytes]:
    content, media_type = exposition(_gauges(context))
    return Response(content, media_type=media_type)


def _gauges(context: Context) -> Gauges:
    up = ("Whether the database answers", "", {"": 1.0})
    try:
        found = standing(context)
    except TuneGateError:
        return {"tunegate_database_up": (up[0], "", {"": 0.0})}
    waiting = {"trainers": found.jobs["queued"], "evaluations": found.evaluations["queued"]}
    return {
        "tunegate_database_up": up,
        "tunegate_jobs": ("Jobs by state", "state", found.jobs),
        "tunegate_evaluations": ("Evaluations by state", "state", found.evaluations),
        "tunegate_queue_length": ("What waits to be carried out", "queue", waiting),
        "tunegate_webhook_messages_waiting": (
            "Messages to webhooks that are still to be taken",
            "",
            {"": found.messages},
        ),
        "tunegate_running_trainers": ("Trainers that run on this machine", "", {"": found.trainers}),
    }
