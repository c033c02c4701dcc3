"""tunegate train --sweep: its options, and the comparison of its trials as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from service.cli.files import read_record
from service.cli.output import emit, pretty_json, say
from service.cli.plan_options import choices_from, evaluation_from, require_data, settings_from
from service.data import rule_files
from service.records.decision import Decision
from service.records.sweep import Sweep, Trial
from trainers.contract import Progress

F = TypeVar("F", bound=Callable[..., Any])

_GOAL = "validation_loss"
_RANK = "adapter.r"
_OPTIONS = [
    click.option(
        "--sweep",
        "sweep",
        multiple=True,
        metavar="NAME=V,V",
        help="Compare values of learning_rate_multiplier, n_epochs, batch_size or adapter.r; repeat for a grid.",
    ),
    click.option(
        "--goal",
        metavar="G",
        help=f"What trials are compared by: validation_loss, exact_match, token_accuracy, checks.NAME.  "
        f"[default: {_GOAL}]",
    ),
    click.option(
        "--budget",
        "budget",
        multiple=True,
        metavar="B",
        help="The most trials (6), a time after which none is begun (90m, 1.5h), or both (6,90m).  [default: all]",
    ),
]


def sweep_options(function: F) -> F:
    """Add the options of a sweep."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def asked_to_sweep(options: dict[str, Any], plan: Path | None) -> bool:
    """Whether the command line asks for a sweep.

    Raises:
        click.UsageError: for options of a sweep without one, or one over a finished plan.

    """
    if not options["sweep"]:
        alone = [f"--{name}" for name in ("goal", "budget") if options[name]]
        if alone:
            raise click.UsageError(f"{' and '.join(alone)} need --sweep NAME=V,V.")
        return False
    if plan is not None:
        raise click.UsageError("A sweep makes its own plans: give --model and --data instead of a PLAN.json.")
    return True


def sweep_command(
    options: dict[str, Any],
    out: Path,
    *,
    format_: str,
    output: Path | None,
    report: Callable[[Progress], None],
) -> int:
    """Carry out the sweep and print its record or its table; 1 where not even the best trial passes its gate."""
    from service.verbs.sweep import sweep
    from service.verbs.sweeping.plans import Place
    from service.verbs.sweeping.request import read_request

    require_data(options)
    choices = choices_from(options)
    request = read_request(
        choices,
        sweep=options["sweep"],
        goal=options["goal"] or _GOAL,
        budget=options["budget"],
        validated=options["validation"] is not None,
        given=[_RANK] if options["adapter_r"] is not None else [],
    )
    settings = settings_from(options)
    place = Place(
        out=out,
        data=options["data"],
        validation=options["validation"],
        decision=read_record(options["decision"], Decision) if options["decision"] else None,
        evaluation=evaluation_from(options),
        rules=rule_files(settings.rules),
        settings=settings,
        report=report,
        say=say,
    )
    made = sweep(request, choices, place)
    emit(pretty_json(made) if format_ == "json" else sweep_text(made, out), output)
    if made.best is None or made.best.gate != "failed":
        return 0
    say(
        f"GATE FAILED: the best trial: {made.best.gate_why} Its artifact is in {out / (made.best.folder or '')}, "
        "but it is not shown to be worth deploying."
    )
    return 1


def sweep_text(made: Sweep, out: Path) -> str:
    """The trials as a table, the best one marked, and what there is to say about the choice."""
    tried = sum(trial.status in {"succeeded", "failed"} for trial in made.trials)
    lines = [f"sweep {made.id[:12]}: {made.goal} ({made.better} is better), {tried} of {len(made.trials)} trials run"]
    lines += _table(made)
    for trial in made.trials:
        if trial.error is not None:
            lines.append(f"trial {trial.n} {trial.status}: {trial.error.code}: {trial.error.detail}")
    if made.left_out:
        lines.append(f"{made.left_out}; a larger --budget goes on in the same folder")
    if made.best is not None:
        lines.append(f"best: trial {made.best.n}, {made.best.why}")
        if made.best.folder and made.best.manifest:
            lines.append(f"artifact {made.best.manifest[:12]} in {out / made.best.folder}, exported and verified")
        if made.best.gate_why:
            lines.append(f"gate {made.best.gate or 'open'}: {made.best.gate_why}")
    return "\n".join(lines)


def _table(made: Sweep) -> list[str]:
    names = list(made.parameters)
    head = ["", "trial", *names, "before", "after", "change", "seconds", "status"]
    rows = [head]
    for trial in made.trials:
        best = made.best is not None and made.best.n == trial.n
        values = [f"{trial.values[name]:g}" for name in names]
        seconds = "" if trial.seconds is None else f"{trial.seconds:.1f}"
        rows.append(["*" if best else "", str(trial.n), *values, *_figures(trial), seconds, trial.status])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    # numbers to the right, the status at the end as it is
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)) + f"  {row[-1]}"
        for row in rows
    ]


def _figures(trial: Trial) -> list[str]:
    if trial.after is None:
        return ["", "", ""]
    if trial.before is None:
        return ["", f"{trial.after:.4f}", ""]
    change = round(trial.after - trial.before, 4) + 0.0  # never -0.0000
    return [f"{trial.before:.4f}", f"{trial.after:.4f}", f"{change:+.4f}"]
