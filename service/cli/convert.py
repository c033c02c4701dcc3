"""tunegate convert: tables and other dialects to chat or preference JSONL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from service.cli.output import emit, output_options, pretty_json, say
from service.records.conversion import Conversion
from service.verbs.convert import DIALECTS, TARGETS, ConvertRequest, convert

_STDIN = "-"


@click.command("convert")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT", help="The JSONL file.")
@click.option("--to", default="chat", show_default=True, metavar="SHAPE", help=f"What to write: {', '.join(TARGETS)}.")
@click.option("--from", "dialect", metavar="SHAPE", help=f"Take only rows of this shape: {', '.join(DIALECTS)}.")
@click.option(
    "--map", "mapping", metavar="ROLE=COL,...", default="", help="Columns by role: user=Q,assistant=A[,system=S]."
)
@click.option("--prompt", metavar="COL", help="The column of the prompt (--map user=COL).")
@click.option("--answer", metavar="COL", help="The column of the answer (--map assistant=COL).")
@click.option("--system", metavar="TEXT|COL", help="System message for rows without one: a column's name, or the text.")
@click.option("--keep", metavar="KEYS", default="", help="Keys or columns to copy beside what is written, with commas.")
@click.option(
    "--encoding", metavar="NAME", help="Encoding of the text, for example cp1252; UTF-8 unless a mark says else."
)
@click.option(
    "--delimiter", metavar="CHAR", help="Between the cells of a table: , ; | or tab; detected from the header."
)
@click.option("--skip-bad", is_flag=True, help="Write the rows that can be converted although others cannot.")
@click.option("--force", is_flag=True, help="Write over an existing OUT.")
@output_options()
def command(files: tuple[str, ...], format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Convert CSV, TSV, Parquet, JSON or JSONL in any usual dialect; exit 1 when rows cannot be converted."""
    del no_input
    delimiter = "\t" if options["delimiter"] in {"tab", "\\t"} else options["delimiter"]
    request = ConvertRequest(
        inputs=[(None if name == _STDIN else Path(name), name) for name in files],
        out=options["out"],
        to=options["to"],
        dialect=options["dialect"],
        columns=_columns(options),
        system=options["system"],
        keep=[name.strip() for name in options["keep"].split(",") if name.strip()],
        encoding=options["encoding"],
        delimiter=delimiter,
        skip_bad=options["skip_bad"],
        force=options["force"],
    )
    record = convert(request, stdin=sys.stdin.buffer, tell=say)
    emit(pretty_json(record) if format_ == "json" else conversion_text(record), output)
    return 0 if record.output else 1


def conversion_text(record: Conversion) -> str:
    """What was written, left out and not converted, one line each."""
    lines = [f"{bad.path}:{bad.line}{f' {bad.pointer}' if bad.pointer else ''}: {bad.why}" for bad in record.bad]
    for why, count in record.bad_counts.items():
        listed = sum(bad.why == why for bad in record.bad)
        if count > listed:
            lines.append(f"... and {count - listed:,} more: {why}")
    lines += [f"left out: {key} ({rows:,} rows)" for key, rows in record.left_out.items()]
    read = sum(file.rows for file in record.inputs)
    if record.output is None:
        lines.append(f"nothing written: {record.bad_rows:,} of {read:,} rows cannot be converted to {record.to}")
        if record.bad_rows < read:
            lines.append("Mend the rows, or give --skip-bad to write the others.")
        return "\n".join(lines)
    shapes = ", ".join(f"{name} {rows:,}" for name, rows in record.shapes.items())
    lines.append(f"wrote {record.output.path}: {record.output.rows:,} {record.to} rows from {shapes}")
    if record.bad_rows:
        lines.append(f"not converted: {record.bad_rows:,} of {read:,} rows")
    return "\n".join(lines)


def _columns(options: dict[str, Any]) -> dict[str, str]:
    """The columns of --map and of --prompt and --answer."""
    named: dict[str, str] = {}
    for part in options["mapping"].split(","):
        role, _, column = (one.strip() for one in part.partition("="))
        if not part.strip():
            continue
        if not role or not column:
            raise click.UsageError("--map is role=COLUMN pairs with commas between: user=Question,assistant=Answer.")
        named[role] = column
    shortcuts = {"user": options["prompt"], "assistant": options["answer"]}
    for role, column in shortcuts.items():
        if column is not None and named.setdefault(role, column) != column:
            raise click.UsageError(f"--map and its shortcut name two columns for the {role}.")
    return named
