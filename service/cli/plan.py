"""tunegate plan: the plan and its blockers, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.files import read_record
from service.cli.output import emit, output_options, pretty_json
from service.cli.plan_options import choices_from, evaluation_from, plan_options, require_data, settings_from
from service.cli.plan_text import plan_text
from service.data import rule_files
from service.records.decision import Decision


@click.command("plan")
@plan_options
@output_options()
def command(format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Join data, model and decision into a plan; exit 1 while something blocks it."""
    del no_input
    from service.verbs.plan import keep_records, plan_from_files

    require_data(options)
    settings = settings_from(options)
    decision = read_record(options["decision"], Decision) if options["decision"] else None
    bundle = plan_from_files(
        choices_from(options),
        data=options["data"],
        validation=options["validation"],
        decision=decision,
        evaluation=evaluation_from(options),
        rules=rule_files(settings.rules),
        settings=settings,
    )
    keep_records(bundle, settings)
    emit(pretty_json(bundle.plan) if format_ == "json" else plan_text(bundle.plan), output)
    return 1 if bundle.plan.blockers else 0
