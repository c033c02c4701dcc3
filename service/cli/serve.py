"""tunegate serve: the HTTP service on this machine."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
import signal
import socket
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from service.access_settings import is_loopback
from service.cli.output import say
from service.errors import TuneGateError, missing_extra
from service.observe.logs import set_up_logs
from service.observe.traces import end_traces, set_up_traces
from service.settings import Settings, load_settings
from service.verbs.keys import asks_for_keys

if TYPE_CHECKING:
    import uvicorn

    from service.api.observed import Requests
    from service.verbs.context import Context

_LOG = logging.getLogger("tunegate")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# what is left of connections when every request has ended
_GRACE_SECONDS = 3
_LOOK_SECONDS = 0.5
# glibc gives eight heaps to each core's threads and takes nothing back from one for another (mallopt(3))
_ARENA_MAX, _ARENAS = -8, 2


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Beyond loopback only with keys.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8484, show_default=True, metavar="P",
    help="0 = a free port; the URL is printed.",
)  # fmt: skip
@click.option(
    "--no-auth",
    is_flag=True,
    help="INSECURE: listen beyond loopback although no key is asked for; whoever reaches it may do everything.",
)
@click.option("--stop-jobs", is_flag=True, help="Stop running jobs at shutdown; else their trainers go on.")
@click.option("--no-worker", is_flag=True, help="Take requests and carry no job out: others do, over one Postgres.")
def command(host: str, port: int, *, no_auth: bool, stop_jobs: bool, no_worker: bool) -> int:
    """Serve the API; the URL is printed on stdout once it answers."""
    settings = load_settings()
    _few_heaps()
    try:
        import uvicorn

        import service.app  # noqa: F401
        from service.verbs.context import process_ends
    except ImportError as error:
        raise missing_extra("service", "tunegate serve", error) from error
    _require_door(host, settings, no_auth=no_auth)
    if no_worker:
        _require_others(settings)
    # the server library knows the fastest event loop that is installed; its own log lines are not wanted
    loop_factory = uvicorn.Config("service.app:build_app", log_config=None).get_loop_factory()
    try:
        with _bind(host, port) as listener, asyncio.Runner(loop_factory=loop_factory) as runner:
            code = runner.run(_serve(listener, stop_jobs=stop_jobs, works=not no_worker))
    finally:
        process_ends()
    end_traces()
    return code


def _few_heaps() -> None:
    """Before there are threads, and unless who runs this says how many."""
    if not {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"} & os.environ.keys():
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").mallopt(_ARENA_MAX, _ARENAS)


async def _serve(listener: socket.socket, *, stop_jobs: bool, works: bool) -> int:
    """Serve until SIGTERM (exit 0) or SIGINT (exit 130); requests in flight may finish, a second signal waits for none.

    A service that lost its name ends in the same way, and its exit code says so.

    The context is opened here and not in the server's lifespan, so that a problem (a locked folder, a database
    that is away) reaches the caller as such; signals are ours, because uvicorn would raise them again before the
    context is closed, and jobs would go on.
    """
    import uvicorn

    from service.api.heads import IDLE_SECONDS, bounded_heads
    from service.api.observed import Requests
    from service.app import build_app
    from service.verbs.context import running_context

    settings = load_settings()
    set_up_logs(settings.log_format)
    set_up_traces()
    requests = Requests()
    async with running_context(settings, stop_jobs=stop_jobs, works=works) as context:
        context.hosts = _hosts(listener, settings)
        config = uvicorn.Config(
            build_app(context, requests=requests), log_config=None, log_level="warning", access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS, http=bounded_heads(settings.head_seconds), ws="none",
            timeout_keep_alive=IDLE_SECONDS,
        )  # fmt: skip
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
        end = _End(server, context, requests)
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, end.begin, number)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.02)
        if server.started:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            click.echo(f"tunegate listens on http://{shown}:{port}")
        lost = asyncio.create_task(_when_lost(context, end))
        await serving
        lost.cancel()
        if context.runner.executor.lost.is_set():
            raise TuneGateError(
                "executor_lost",
                "Others took over the jobs of this service while it was silent, or go by its name.",
                remedy="Start it again; its jobs go on where they are.",
            )
    return 130 if end.signal == signal.SIGINT else 0


async def _when_lost(context: Context, end: _End) -> None:
    while not context.runner.executor.lost.is_set():  # noqa: ASYNC110 - set by a thread
        await asyncio.sleep(_LOOK_SECONDS)
    if end.signal is None:
        end.begin(signal.SIGTERM)


class _End:
    """How the service ends: not ready, streams end, requests finish or are cut off, and then the server stops."""

    def __init__(self, server: uvicorn.Server, context: Context, requests: Requests) -> None:
        self._server, self._context, self._requests = server, context, requests
        self._ending: asyncio.Task[None] | None = None
        self.signal: int | None = None

    def begin(self, number: int) -> None:
        """At a first signal; a second one ends the process at once, as a kill would: nothing is lost by that."""
        self.signal = number
        for one in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)
        self._context.stopping.set()
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        cut_off = await self._requests.finish(self._context.settings.shutdown_seconds)
        if cut_off:
            _LOG.warning("%d request(s) had not ended in time and were cut off.", cut_off)
        self._server.should_exit = True


def _require_door(host: str, settings: Settings, *, no_auth: bool) -> None:
    """Beyond loopback nobody may enter unasked, unless that is spelt out."""
    if not no_auth and is_loopback(host):
        return
    if asks_for_keys(settings):
        if no_auth:
            raise TuneGateError(
                "usage",
                "--no-auth: this service asks for keys (one was made, or TUNEGATE_AUTH or TUNEGATE_OIDC_* is set).",
                remedy="Leave --no-auth out.",
            )
        return
    if no_auth:
        say(f"INSECURE: {host} is served without authentication; whoever reaches it may read and launch everything.")
        return
    raise TuneGateError(
        "bind_refused",
        f"{host} is reachable from other machines, and nobody is asked for a key.",
        remedy="Make one (`tunegate keys create NAME`), set TUNEGATE_OIDC_*, or listen on 127.0.0.1. --no-auth serves "
        "it open, which is insecure.",
    )


def _require_others(settings: Settings) -> None:
    if settings.database_url.startswith("sqlite"):
        raise TuneGateError(
            "usage",
            "--no-worker: over SQLite there is no other service that could carry jobs out.",
            remedy="Leave --no-worker out, or set TUNEGATE_DATABASE_URL to a Postgres that a worker shares.",
        )


def _hosts(listener: socket.socket, settings: Settings) -> frozenset[str] | None:
    """Names under which an open service answers; any where it was opened to a network and none was given."""
    if not (settings.access.hosts or is_loopback(listener.getsockname()[0])):
        return None
    return frozenset((*settings.access.hosts, urlsplit(settings.url).hostname or ""))


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer waits for a delayed ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        code = "port_in_use" if error.errno == errno.EADDRINUSE else "environment"
        raise TuneGateError(
            code, f"{host}:{port}: {error.strerror}.", remedy="Choose another port, or --port 0 for a free one."
        ) from error
    listener.set_inheritable(False)
    return listener
