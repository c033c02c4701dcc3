"""tunegate explain: any id: what, why, example, fix, source."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.settings import load_settings
from service.verbs.explain import html_page, page


@click.command("explain")
@click.argument("identifier", metavar="ID")
@output_options("markdown", "html")
def command(identifier: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Explain a lint check (R030), a decision rule (ESC-060), a fact (gap.kind), a technique, platform or model."""
    del no_input
    found = page(rule_files(load_settings().rules), identifier)
    if format_ == "json":
        emit(pretty_json(found), output)
    else:
        emit(html_page(found) if format_ == "html" else found.markdown, output)
    return 0
