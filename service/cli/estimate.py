"""tunegate estimate: peak memory per technique, term by term, and what fits where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.estimate_options import estimate_options, merged_inputs
from service.cli.files import read_object, read_record
from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.records.lint_report import LintReport
from service.settings import load_settings


@click.command("estimate")
@click.argument("model", required=False)
@estimate_options
@output_options("markdown", "html")
def command(model: str | None, format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Estimate the memory of fine-tuning MODEL: a catalogue id, a config.json or a model folder."""
    del no_input
    from service.verbs.estimate import answer, estimate, read_inputs

    report = read_record(options["report"], LintReport) if options["report"] else None
    raw = merged_inputs(read_object(options["inputs"]) if options["inputs"] else {}, model, options)
    settings = load_settings()
    found = estimate(read_inputs(raw), rules=rule_files(settings.rules), settings=settings, report=report)
    for one in found:
        if bug := one.assumptions.get("formula_bug"):
            click.echo(f"warning: {one.technique}: {bug['text']}", err=True)
    if format_ == "json":
        emit(pretty_json(answer(found)), output)
    elif format_ == "html":
        from service.verbs.estimating.page import html

        emit(html(answer(found)), output)
    else:
        from service.cli.estimate_text import estimates_markdown, estimates_text

        emit(estimates_markdown(found) if format_ == "markdown" else estimates_text(found), output)
    return 0
