"""tunegate mcp: the tools of agents over stdin and stdout."""

from __future__ import annotations

import click

from service.data import rule_files
from service.errors import missing_extra
from service.observe.logs import set_up_logs
from service.settings import load_settings


@click.command("mcp")
def command() -> int:
    """Serve advise, lint, estimate and explain to an agent over stdin and stdout (Model Context Protocol)."""
    settings = load_settings()
    try:
        import anyio

        from service.mcp.server import serve_stdio
    except ImportError as error:
        raise missing_extra("mcp", "tunegate mcp", error) from error
    from service.mcp.tools import Ground

    set_up_logs(settings.log_format)
    anyio.run(serve_stdio, Ground(settings, rule_files(settings.rules), files=True))
    return 0
