"""tunegate split: training, validation and test data without leakage between them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json
from service.records.split import Split
from service.verbs.split import SplitRequest, split

_STDIN = "-"


@click.command("split")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="Gets train.jsonl, validation.jsonl and, if asked for, test.jsonl.",
)  # fmt: skip
@click.option(
    "--validation", default="0.1", show_default=True, metavar="SHARE|ROWS",
    help="Size of the validation data: 0.1, 10%, or 200 rows.",
)  # fmt: skip
@click.option("--test", metavar="SHARE|ROWS", help="Size of the test data; none unless given.")
@click.option(
    "--by", "--group-by", "by", multiple=True, metavar="KEY",
    help="Keep rows with the same value together: a key of the rows (user.id) or system; may be repeated. "
    "Rows with the same prompt always stay together.",
)  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True, metavar="N", help="Another seed, another split.")
@click.option("--force", is_flag=True, help="Write over existing files in DIR.")
@output_options()
def command(
    files: tuple[str, ...],
    out: Path,
    validation: str,
    test: str | None,
    by: tuple[str, ...],
    seed: int,
    format_: str,
    output: Path | None,
    *,
    force: bool,
    no_input: bool,
) -> int:
    """Split JSONL (also .gz, .zst, - for stdin) by seed; lines are copied byte for byte."""
    del no_input
    request = SplitRequest(
        inputs=[(None if name == _STDIN else Path(name), name) for name in files],
        out=out,
        validation=validation,
        test=test,
        by=list(by),
        seed=seed,
        force=force,
    )
    record = split(request, stdin=sys.stdin.buffer)
    emit(pretty_json(record) if format_ == "json" else split_text(record), output)
    return 0


def split_text(record: Split) -> str:
    """Parts, groups, classes, warnings, and what was not looked at."""
    lines = [
        f"{part.path}: {part.rows:,} rows ({part.share:.1%}) in {part.groups:,} groups"
        + (f", asked {part.asked_rows:,}" if part.asked_rows is not None else "")
        for part in record.parts
    ]
    by = ["equal rows", "the same prompt", *(f"the same {name}" for name in record.options["by"] if name != "prompt")]
    lines.append(
        f"{record.rows:,} rows in {record.groups:,} groups ({', '.join(by)}), the largest of {record.largest_group:,}; "
        f"{record.duplicates:,} duplicates, seed {record.options['seed']}"
    )
    if record.stratified:
        lines.append(f"even over {len(record.labels)} classes: the answers are few and short")
    else:
        lines.append("not evened out over classes: the answers are no classes")
    lines += [f"warning: {one}" for one in record.warnings]
    lines += [f"not considered: {one.what} ({one.why})" for one in record.not_considered]
    return "\n".join(lines)
