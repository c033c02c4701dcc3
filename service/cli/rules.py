"""tunegate rules: the rule files themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.settings import load_settings
from service.verbs import rules as verb


@click.group("rules")
def command() -> None:
    """Audit and show the rule files."""


@command.command("audit")
@output_options()
def audit(format_: str, output: Path | None, *, no_input: bool) -> int:
    """Gaps, overlaps, unreachable rows, unused sources, reviews due; exit 1 when something is found."""
    del no_input
    found = verb.problems(rule_files(load_settings().rules), datetime.now(UTC).date())
    shown = "\n".join(found) or "The rule files have no gap, no overlap and no row that can never match."
    emit(pretty_json({"problems": found}) if format_ == "json" else shown, output)
    return 1 if found else 0


@command.command("show")
@click.argument("table", required=False)
@output_options("markdown")
def show(table: str | None, format_: str, output: Path | None, *, no_input: bool) -> int:
    """One table as a grid, or the list of tables."""
    del no_input
    rules = rule_files(load_settings().rules)
    if table is None:
        tables = verb.list_tables(rules)
        shown = "\n".join(f"{one.name:<12} {one.rules:>4} rows  decides {one.decides}" for one in tables.items)
        emit(pretty_json(tables) if format_ == "json" else shown, output)
        return 0
    view = verb.table(rules, table)
    emit(pretty_json(view) if format_ == "json" else verb.grid(view), output)
    return 0
