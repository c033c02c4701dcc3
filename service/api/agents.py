"""/mcp: the tools of agents over streamable HTTP; the SDK is imported when somebody asks."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from typing import TYPE_CHECKING

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from service.api.access import AGENTS, admitted, caller_in
from service.errors import missing_extra
from service.verbs.context import Context
from service.verbs.entering.access import OPEN

if TYPE_CHECKING:
    from service.mcp.server import HttpServer

_STATE = "mcp"


@asgi(AGENTS, copy_scope=True, guards=[admitted])
async def agents(scope: Scope, receive: Receive, send: Send) -> None:
    """Streamable HTTP of the Model Context Protocol.

    Raises:
        TuneGateError: `missing_extra`.
    """
    server = await _server(scope["litestar_app"])
    await server(scope, receive, send, guarded=caller_in(scope["state"]) is OPEN)


async def end_agents(app: Litestar) -> None:
    """At the end of the service."""
    starting = app.state.get(_STATE)
    if starting is not None:
        await (await starting).close()


async def _server(app: Litestar) -> HttpServer:
    if importlib.util.find_spec("mcp") is None:
        raise missing_extra("mcp", AGENTS, ImportError(name="mcp"))
    if _STATE not in app.state:
        app.state[_STATE] = asyncio.ensure_future(_started(app.state.context))
    # the first request may leave while others wait for the same
    server: HttpServer = await asyncio.shield(app.state[_STATE])
    return server


async def _started(context: Context) -> HttpServer:
    from service.mcp.tools import Ground

    # takes a second, in which others must be answered
    module = await asyncio.to_thread(importlib.import_module, "service.mcp.server")
    ground = Ground(context.settings, context.rules, files=False, workers=context.workers)
    server: HttpServer = module.HttpServer(ground, context.linting)
    return server
