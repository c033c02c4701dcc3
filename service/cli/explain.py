"""tunegate explain: any rule id: what, why, example, fix, source."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.settings import load_settings
from service.verbs.rules import page


@click.command("explain")
@click.argument("identifier", metavar="ID")
@output_options()
def command(identifier: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Explain a lint check (R030) or a decision rule (ESC-060)."""
    del no_input
    found = page(rule_files(load_settings().rules), identifier)
    emit(pretty_json(found) if format_ == "json" else found.markdown, output)
    return 0
