"""tunegate drift: what changed between two datasets, or between two evaluations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from service.cli.output import emit, output_options, pretty_json
from service.cli.project_config import ConfiguredCommand
from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.records.drift import DriftReport
from service.settings import load_settings
from service.verbs.drift import METHODS, DriftRequest, drift

_STDIN = "-"


@click.command("drift", cls=ConfiguredCommand)
@click.argument("baseline", metavar="BASELINE")
@click.argument("current", metavar="CURRENT")
@click.option("--target", metavar="T", help="Of datasets: for whom the rows are, as for lint.")
@click.option("--method", default="sft", show_default=True, metavar="M", help=f"Of datasets: {', '.join(METHODS)}.")
@click.option(
    "--model",
    metavar="ID",
    help="Of datasets: the base model that counts tokens, or a folder with its tokenizer.",
)
@click.option(
    "--tokens", type=click.Choice(("off", "auto", "exact")), default="auto", show_default=True,
    help="Count tokens: auto where the encoding is at hand, exact or not at all.",
)  # fmt: skip
@click.option("--languages", is_flag=True, help="Also compare the languages of a sample of rows.")
@click.option(
    "--measure", "measures", multiple=True, metavar="NAME",
    help="Of evaluations: a measure whose fall is looked for; repeatable. Without one: the goal's and those that tell.",
)  # fmt: skip
@click.option(
    "--threshold", "thresholds", multiple=True, metavar="RULE=N",
    help="From which effect on a rule says drift (DRF-100=0.05); repeatable. tunegate explain DRF-100 says its own.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0, max=1 << 32), default=0, show_default=True, metavar="N",
              help="Of samples and intervals.")  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=0), default=0, metavar="N",
    help="Processes that read a large plain file (0 = as many as it is worth); the report is the same.",
)  # fmt: skip
@output_options("markdown", "html")
def command(
    baseline: str,
    current: str,
    target: str | None,
    method: str,
    model: str | None,
    tokens: Literal["off", "auto", "exact"],
    measures: tuple[str, ...],
    thresholds: tuple[str, ...],
    seed: int,
    workers: int,
    format_: str,
    output: Path | None,
    *,
    languages: bool,
    no_input: bool,
) -> int:
    """Compare CURRENT with BASELINE: two datasets or samples of traffic, or two evaluations over time.

    Datasets are chat JSONL (also .gz, .zst, Parquet, - for stdin). Evaluations are folders or records of tunegate
    evaluate: scores that fell, and the same prompts answered otherwise. Exit 0 when nothing drifted, 1 when something
    did or too little is there to tell.
    """
    del no_input
    folder = Path(model).resolve() if model and Path(model).is_dir() else None
    request = DriftRequest(
        baseline=_side(baseline), current=_side(current), target=target, method=method,
        model=folder.name if folder else model, model_folder=folder, tokens=tokens, languages=languages,
        measures=list(measures), thresholds=_thresholds(thresholds), seed=seed, workers=workers,
    )  # fmt: skip
    report = drift(request, rules=rule_files(load_settings().rules), stdin=sys.stdin.buffer)
    emit(_shown(report, format_), output)
    return 0 if report.verdict == "stable" else 1


def _side(given: str) -> Path | None:
    return None if given == _STDIN else Path(given)


def _thresholds(given: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    errors = []
    for one in given:
        name, _, value = one.partition("=")
        try:
            found[name.strip().upper()] = float(value)
        except ValueError:
            errors.append(ErrorItem("--threshold", one[:80], "RULE=N, for example DRF-100=0.05"))
    if errors:
        raise TuneGateError("usage", f"{len(errors)} threshold(s) that cannot be read.", errors=errors)
    return found


def _shown(report: DriftReport, format_: str) -> str:
    if format_ == "json":
        return pretty_json(report)
    if format_ in {"markdown", "html"}:
        from service.verbs.drifting import page

        return page.html(report) if format_ == "html" else page.markdown(report)
    return _text(report)


def _text(report: DriftReport) -> str:
    from service.verbs.drifting import words as say

    lines = [f"{say.headline(report)} ({report.id[:12]})", say.sentence(report), ""]
    shown = (0, 1, 2, 3, 6, 8)
    rows = [tuple(row[place] for place in shown) for row in (say.HEAD, *map(say.row, report.compared))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(shown))]
    lines += ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if report.findings:
        lines += ["", *(f"{one.rule} {one.message}" for one in report.findings)]
        lines.append(f"tunegate explain {report.findings[0].rule} says why it matters and what to do.")
    lines += [f"not compared: {one}" for one in say.left_out(report)]
    return "\n".join(lines)
