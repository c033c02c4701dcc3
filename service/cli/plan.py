"""tunegate plan: the plan and its blockers, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.files import read_record
from service.cli.output import emit, output_options, pretty_json, say
from service.cli.plan_options import choices_from, evaluation_from, plan_options, require_data, settings_from
from service.cli.plan_text import plan_text
from service.data import rule_files
from service.records.decision import Decision

if TYPE_CHECKING:
    from service.settings import Settings
    from service.verbs.plan import PlanBundle


@click.command("plan")
@plan_options
@click.option(
    "--emit",
    "emit_as",
    type=click.Choice(["az-ml", "kaito", "script"]),
    help="Print the job in the target's own form instead.",
)
@output_options()
def command(emit_as: str | None, format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
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
    if emit_as is not None:
        if bundle.plan.blockers:
            say(plan_text(bundle.plan))
            return 1
        emit(_emitted(emit_as, bundle, settings), output)
        return 0
    emit(pretty_json(bundle.plan) if format_ == "json" else plan_text(bundle.plan), output)
    return 1 if bundle.plan.blockers else 0


def _emitted(form: str, bundle: PlanBundle, settings: Settings) -> str:
    from service.verbs.launching import emitted

    return emitted(
        form, bundle.plan, dataset=bundle.dataset, validation=bundle.validation, model=bundle.model,
        rules=rule_files(settings.rules), settings=settings,
    )  # fmt: skip
