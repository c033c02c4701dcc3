"""tunegate redact: a copy without personal data and secrets, and the way back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from service.cli.lint_progress import reading_bar
from service.cli.output import emit, output_options, pretty_json
from service.cli.project_config import privacy_tables
from service.errors import ErrorItem, TuneGateError
from service.records.redaction import Redaction, Restoration
from service.settings import load_settings
from service.verbs.lint import LintInput
from service.verbs.redact import RedactRequest, redact
from service.verbs.redacting.options import EVERYTHING, ONLY_IF_NAMED, WITH, RedactOptions, configured
from service.verbs.redacting.settings import one_request, privacy_request
from service.verbs.restore import RestoreRequest, restore

_STDIN = "-"
_DEFAULTS = RedactOptions()
# what says nothing about putting values back
_OF_REDACTING = ("map", "way", "entities", "languages", "threshold")


@click.command("redact")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT",
    help="The copy; a folder for several FILEs. Packed as its name says (.gz, .zst).",
)  # fmt: skip
@click.option(
    "--map", "map_", type=click.Path(path_type=Path), metavar="MAP",
    help="Also write what stood where, readable by you only; a folder for several FILEs.",
)  # fmt: skip
@click.option(
    "--restore", "restored", type=click.Path(path_type=Path), metavar="MAP",
    help="The other way: put back what MAP says was taken out of FILE; OUT is readable by you only.",
)  # fmt: skip
@click.option(
    "--with", "way", type=click.Choice(WITH), default=_DEFAULTS.way, show_default=True,
    help="What stands in the place of a value: <EMAIL_ADDRESS_1>, the same for the same value in a row; "
    "<EMAIL_ADDRESS>; asterisks; or a tag with a hash, the same in all rows of this run.",
)  # fmt: skip
@click.option(
    "--entities", metavar="NAMES", default="",
    help=f"Only these, with commas, or {EVERYTHING}; else those of [privacy], else all but {', '.join(ONLY_IF_NAMED)}.",
)  # fmt: skip
@click.option(
    "--language", "languages", multiple=True, metavar="CODE",
    help="Of the texts (ISO 639-1), else those of [privacy] in tunegate.toml, else en; repeatable, then every text is "
    "scanned as each of them; auto stands for all with recognizers of their own.",
)  # fmt: skip
@click.option(
    "--threshold", type=float, metavar="SCORE",
    help=f"How sure a finding must be, from 0 to 1; else as in [privacy], else {_DEFAULTS.threshold}.",
)  # fmt: skip
@output_options()
@click.pass_context
def command(
    ctx: click.Context, /, files: tuple[str, ...], format_: str, output: Path | None, *, no_input: bool, **options: Any
) -> int:
    """Write a copy of JSONL without personal data and secrets; numbers in tool arguments become small numbers.

    Texts, names, tool arguments (which stay JSON), tool results, schemas and metadata are scanned; roles, ids, weights
    and function names are kept, and so is every byte around what goes. The same value has the same tag in all of a
    row. Rows that cannot be read are refused, all at once. A map leads back exactly; keep it apart from the data.
    Exit 1 when --restore could not place every row.
    """
    del no_input
    one_request()
    inputs = [(None if name == _STDIN else Path(name), os.fsencode(name).decode("utf-8", "replace")) for name in files]
    if options["restored"] is not None:
        _check_restore(ctx, files)
        path, shown = inputs[0]
        request = RestoreRequest(path=path, shown_as=shown, map=options["restored"], out=options["out"])
        put_back = restore(request, stdin=sys.stdin.buffer)
        emit(pretty_json(put_back) if format_ == "json" else restoration_text(put_back), output)
        return 1 if put_back.missing_rows else 0
    names = tuple(name.strip() for name in options["entities"].split(",") if name.strip())
    wanted = RedactRequest(
        inputs=inputs,
        out=options["out"],
        map=options["map_"],
        options=configured(
            privacy_request(privacy_tables()),
            way=options["way"],
            entities=names,
            languages=options["languages"],
            threshold=options["threshold"],
        ),
        served=load_settings().home,
    )
    with reading_bar([LintInput(*one) for one in inputs], wanted=format_ == "text") as progress:
        record = redact(wanted, stdin=sys.stdin.buffer, progress=progress)
    emit(pretty_json(record) if format_ == "json" else redaction_text(record), output)
    return 0


def redaction_text(record: Redaction) -> str:
    """What was taken out and written, and what was not looked for."""
    lines = [f"{entity} x {count:,}" for entity, count in record.counts.items()]
    for file in record.files:
        lines.append(f"wrote {file.output.path}: {file.output.rows:,} rows, {file.changed_rows:,} of them redacted")
        if file.map:
            lines.append(f"wrote {file.map}: the way back, readable by you only")
    lines += [f"not redacted: {one.what} ({one.why})" for one in record.not_scanned]
    return "\n".join(lines)


def restoration_text(record: Restoration) -> str:
    """What was put back, and what could not be."""
    exact = "byte for byte what was redacted" if record.exact else "the file was changed since it was redacted"
    lines = [f"wrote {record.output.path}: {record.restored_rows:,} rows restored; {exact}"]
    if record.missing_rows:
        more = ", ..." if record.missing_rows > len(record.missing) else ""
        shown = ", ".join(str(line) for line in record.missing)
        lines.append(
            f"not restored: {record.missing_rows:,} rows, which were edited or removed, or moved while they read like "
            f"others (lines of the redacted file as it was written: {shown}{more})"
        )
    return "\n".join(lines)


def _check_restore(ctx: click.Context, files: tuple[str, ...]) -> None:
    given = [
        parameter
        for parameter in ctx.command.params
        if parameter.name is not None
        and parameter.name.rstrip("_") in _OF_REDACTING
        and ctx.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
    ]
    errors = [ErrorItem(one.opts[0], "with --restore", "one of the two") for one in given]
    if len(files) > 1:
        errors.append(ErrorItem("FILE", f"{len(files)} files", "one, and its map"))
    if errors:
        raise TuneGateError("usage", "Options that do not fit --restore.", errors=errors)
