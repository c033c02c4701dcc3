"""The app that answers for one model, in OpenAI's shapes; whoever starts it has a door in front of it."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.response import Stream

from service.api.chat import BODY_BYTES, HANDLERS, answered
from service.api.headers import safe_headers
from service.api.operation import live
from service.records.chat_completion import ChatModels
from service.verbs.chat_request import chat_question
from service.verbs.serving import ServedModel


@get("/health/ready")
async def loaded(state: State) -> dict[str, str]:
    """The model is loaded; until then the answer waits, and a model that cannot be loaded is 5xx."""
    served: ServedModel = state.served
    await anyio.to_thread.run_sync(served.ready, abandon_on_cancel=True)
    return {"status": "ready"}


@get("/v1/models", sync_to_thread=False)
def models(state: State) -> ChatModels:
    """The one model."""
    served: ServedModel = state.served
    return served.models()


@post("/v1/chat/completions", status_code=200, request_max_body_size=BODY_BYTES)
async def complete(request: Request[Any, Any, Any], state: State) -> Response[bytes] | Stream:
    """Answer a conversation; greedy unless a temperature is given."""
    served: ServedModel = state.served
    return await answered(request, served, served.asked(chat_question(await request.body(), job_id="")))


def model_app(served: ServedModel) -> Litestar:
    """The app over a model that is open."""
    return Litestar(
        route_handlers=[live, loaded, models, complete],
        state=State({"served": served}),
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
        before_send=[safe_headers],
    )
