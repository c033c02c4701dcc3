"""The tools on the official SDK: its server for both transports, records and problems as structured content."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import mcp_types as types
import msgspec
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request

from service import __version__
from service.errors import TuneGateError, suggestion
from service.mcp.tools import Ground, ToolKind, tools
from service.observe.logs import place_of
from service.records.problem import problem_of

_LOG = logging.getLogger("tunegate")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_INSTRUCTIONS = (
    "Advice on fine-tuning language models: advise says whether and how, lint what is wrong with training data, "
    "estimate what fits on which GPU, explain what any id means. Nothing is stored or started."
)


def server_over(ground: Ground, limiter: anyio.CapacityLimiter) -> Server[Any]:
    """A server whose tools work in threads, as many at once as `limiter` has."""
    # what the SDK logs of a message that it cannot read quotes the message
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    kinds = tools(files=ground.files)
    listed = types.ListToolsResult(tools=[_tool(kind) for kind in kinds.values()])

    async def list_tools(context: Any, asked: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        del context, asked
        return listed

    async def call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        del context
        return await anyio.to_thread.run_sync(_called, kinds, ground, asked, limiter=limiter)

    return Server(
        "tunegate", version=__version__, title="tunegate", instructions=_INSTRUCTIONS,
        on_list_tools=list_tools, on_call_tool=call_tool,
    )  # fmt: skip


async def serve_stdio(ground: Ground) -> None:
    """Answer the client at the other end of stdin and stdout until it leaves."""
    server = server_over(ground, anyio.CapacityLimiter(1))
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


class HttpServer:
    """The same over streamable HTTP: an ASGI app that keeps nothing between requests, started when first asked."""

    def __init__(self, ground: Ground, limiter: anyio.CapacityLimiter) -> None:
        self._manager = StreamableHTTPSessionManager(server_over(ground, limiter), json_response=True, stateless=True)
        self._guard = TransportSecurityMiddleware(_guarded(ground))
        self._ready, self._over = asyncio.Event(), asyncio.Event()
        self._running = asyncio.create_task(self._run())

    async def __call__(self, scope: Any, receive: Any, send: Any, *, guarded: bool) -> None:
        """One request; `guarded` says that nobody asked who calls, so that its host and origin must be known ones."""
        refusal = await self._guard.validate_request(Request(scope)) if guarded else None
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._ready.wait()
        await self._manager.asgi_app(scope, receive, send)

    async def close(self) -> None:
        """End what still runs."""
        self._over.set()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        # its task group must be left by the task that entered it
        async with self._manager.run():
            self._ready.set()
            await self._over.wait()


def _guarded(ground: Ground) -> TransportSecuritySettings:
    """Only as this machine or as TUNEGATE_URL: a page in a browser must not reach it by a name of its own."""
    public = urlsplit(ground.settings.url)
    names = [*_LOOPBACK, public.hostname or ""]
    return TransportSecuritySettings(
        allowed_hosts=[*names, *(f"{name}:*" for name in names), public.netloc],
        allowed_origins=[f"{way}://{name}{port}" for way in ("http", "https") for name in names for port in ("", ":*")],
    )


def _tool(kind: ToolKind) -> types.Tool:
    return types.Tool(
        name=kind.name,
        title=kind.title,
        description=kind.what,
        input_schema=kind.takes,
        output_schema=kind.gives,
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )


def _called(kinds: dict[str, ToolKind], ground: Ground, asked: types.CallToolRequestParams) -> types.CallToolResult:
    try:
        return _result(_named(kinds, asked.name).run(ground, asked.arguments or {}))
    except TuneGateError as error:
        return _result(problem_of(error), is_error=True)
    except Exception as error:  # noqa: BLE001 - its text may quote what was given
        _LOG.error("tool: %s at %s", type(error).__name__, place_of(error))
        detail = "The service met a condition it does not handle; its log says where."
        return _result(problem_of(TuneGateError("internal", detail)), is_error=True)


def _named(kinds: dict[str, ToolKind], name: str) -> ToolKind:
    if name not in kinds:
        hint = suggestion(name[:60], kinds)
        raise TuneGateError("not_found", "No such tool.", remedy=f"{hint} Tools: {', '.join(kinds)}.".strip())
    return kinds[name]


def _result(record: Any, *, is_error: bool = False) -> types.CallToolResult:
    """The record as structured content, and as text for clients that read only that."""
    encoded = msgspec.json.encode(record)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=encoded.decode())],
        structured_content=msgspec.json.decode(encoded),
        is_error=is_error,
    )
