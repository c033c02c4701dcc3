"""tunegate deployments: models in service, and what they cost."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.deployment_text import line_of, text_of
from service.cli.output import emit, output_options, pretty_json
from service.client import Client
from service.settings import load_settings


@click.command("deployments")
@click.argument("deployment", required=False)
@output_options()
def command(deployment: str | None, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Every deployment, or one as it stands (TUNEGATE_URL, TUNEGATE_API_KEY)."""
    del no_input
    settings = load_settings()
    client = Client(settings.url, settings.api_key)
    if deployment is not None:
        one = client.deployment(deployment)
        emit(pretty_json(one) if format_ == "json" else text_of(one), output)
        return 1 if one.state == "failed" else 0
    items = list(client.deployments())
    shown = "\n".join(line_of(one) for one in items) or "no deployments"
    emit(pretty_json({"items": items, "next": None}) if format_ == "json" else shown, output)
    return 0
