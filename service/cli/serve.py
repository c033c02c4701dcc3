"""tunegate serve: the HTTP service on this machine."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from typing import TYPE_CHECKING

import click

from service.errors import TuneGateError, missing_extra

if TYPE_CHECKING:
    import uvicorn

# an open event stream must not hold up a shutdown
_GRACE_SECONDS = 3


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8484, show_default=True, metavar="P",
    help="0 = a free port; the URL is printed.",
)  # fmt: skip
@click.option("--stop-jobs", is_flag=True, help="Stop running jobs at shutdown; else their trainers go on.")
def command(host: str, port: int, *, stop_jobs: bool) -> int:
    """Serve the API; the URL is printed on stdout once it answers."""
    _require_loopback(host)
    try:
        import uvicorn

        from service.app import build_app
    except ImportError as error:
        raise missing_extra("service", "tunegate serve", error) from error
    listener = _bind(host, port)
    app = build_app(stop_jobs=stop_jobs)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE_SECONDS
    )
    server = uvicorn.Server(config)
    with listener:
        asyncio.run(_serve(server, listener))
    return 0 if server.started else _startup_failed()


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.02)
    if server.started:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"tunegate listens on http://{shown}:{port}")
    await serving


def _startup_failed() -> int:
    raise TuneGateError("environment", "The service did not start; its message stands above.")


def _require_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise TuneGateError(
            "bind_refused",
            f"{host} is reachable from other machines, and this version has no authentication.",
            remedy="Listen on 127.0.0.1, behind a proxy that authenticates.",
        )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
