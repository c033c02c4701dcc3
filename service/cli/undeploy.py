"""tunegate undeploy: take a deployed model out of service, and see that nothing of it is left."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.deployment_text import followed, text_of
from service.cli.output import emit, output_options, pretty_json
from service.client import Client
from service.settings import load_settings

_GONE = frozenset({"failed", "deleted"})


@click.command("undeploy")
@click.argument("deployment")
@click.option("--no-wait", is_flag=True, help="Return once it is asked for, not once nothing is left.")
@output_options()
def command(deployment: str, format_: str, output: Path | None, *, no_input: bool, no_wait: bool) -> int:
    """Remove all that a deployment made on its target (TUNEGATE_URL, TUNEGATE_API_KEY)."""
    del no_input
    settings = load_settings()
    client = Client(settings.url, settings.api_key)
    one = client.undeploy(deployment)
    if not no_wait:
        one = followed(client, one, until=_GONE)
    emit(pretty_json(one) if format_ == "json" else text_of(one), output)
    return 0
