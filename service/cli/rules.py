"""tunegate rules: the rule files themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.files import read_record
from service.cli.output import emit, output_options, pretty_json
from service.data import RuleFiles, rule_files
from service.errors import TuneGateError
from service.records.decision import Decision
from service.settings import load_settings
from service.verbs import rules as verb


@click.group("rules")
def command() -> None:
    """Audit, show and compare the rule files."""


@command.command("audit")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Judge dates as of DATE (today).")
@click.option("--no-dates", is_flag=True, help="Leave reviews that are due out.")
@output_options()
def audit(day: datetime | None, format_: str, output: Path | None, *, no_dates: bool, no_input: bool) -> int:
    """Gaps, overlaps, unreachable or redundant rows, what is unused, untold or late; exit 1 when something is found."""
    del no_input
    today = None if no_dates else (day or datetime.now(UTC)).date()
    found = verb.problems(rule_files(load_settings().rules), today)
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
        shown = "\n".join(f"{one.name:<15} {one.rules:>4} rows  decides {one.decides}" for one in tables.items)
        emit(pretty_json(tables) if format_ == "json" else shown, output)
        return 0
    view = verb.table(rules, table)
    emit(pretty_json(view) if format_ == "json" else verb.grid(view), output)
    return 0


@command.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--decision", "paths", type=click.Path(path_type=Path), multiple=True, metavar="D.json|FOLDER",
    help="Decisions to replay (repeatable); without it those of the data folder.",
)  # fmt: skip
@output_options()
def diff(old: Path, new: Path, paths: tuple[Path, ...], format_: str, output: Path | None, *, no_input: bool) -> int:
    """Replay decisions under two rules folders ("-" = the shipped rules); exit 1 when an answer changes."""
    del no_input
    from service.verbs.rules_diff import diff as compare
    from service.verbs.rules_diff import diff_text, stored_decisions

    decisions = _decisions(paths) if paths else stored_decisions(load_settings())
    found = compare(_folder(old), _folder(new), decisions)
    emit(pretty_json(found) if format_ == "json" else diff_text(found), output)
    return 1 if found.changed else 0


def _folder(path: Path) -> RuleFiles:
    """A folder laid over the shipped rules, as TUNEGATE_RULES is."""
    return rule_files(None if str(path) == "-" else path)


def _decisions(paths: tuple[Path, ...]) -> Iterator[Decision]:
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise TuneGateError("unreadable_path", f"{path}: no .json file in this folder.")
        for file in files:
            yield read_record(file, Decision)
