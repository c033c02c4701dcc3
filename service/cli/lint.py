"""tunegate lint: what is wrong with a dataset, before it is submitted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.errors import TuneGateError
from service.records.lint_report import Role
from service.settings import load_settings
from service.verbs.lint import METHODS, LintInput, LintRequest, lint
from service.verbs.lint_output import render

_STDIN = "-"


@click.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--target", metavar="T", help="Who will train: azure-openai, openai, azure-serverless, local, trl, kaito."
)
@click.option("--method", default="sft", show_default=True, metavar="M", help=f"Training method: {', '.join(METHODS)}.")
@click.option("--model", metavar="ID", help="The base model, for the record.")
@click.option("--validation", metavar="FILE", help="The validation data of the same job.")
@click.option("--select", metavar="IDS", default="", help="Only these rules: ids or their starts, with commas.")
@click.option("--ignore", metavar="IDS", default="", help="Not these rules.")
@click.option(
    "--max-findings", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
    help="At most N findings per rule are listed (0 = all); counts are always complete.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=0), default=0, metavar="N",
    help="Processes that read a large plain file (0 = as many as it is worth); the report is the same.",
)  # fmt: skip
@output_options("sarif", "github", "markdown")
def command(
    files: tuple[str, ...],
    target: str | None,
    method: str,
    model: str | None,
    validation: str | None,
    select: str,
    ignore: str,
    max_findings: int,
    workers: int,
    format_: str,
    output: Path | None,
    *,
    no_input: bool,
) -> int:
    """Lint chat JSONL (also .gz, .zst, - for stdin); exit 1 when an error is left."""
    del no_input
    inputs = [_input(name, "train") for name in files]
    if validation is not None:
        inputs.append(_input(validation, "validation"))
    request = LintRequest(
        inputs=inputs,
        target=target or _configured_target(),
        method=method,
        model=model,
        select=_names(select),
        ignore=_names(ignore),
        max_findings=max_findings,
        workers=workers,
    )
    report = lint(request, rules=rule_files(load_settings().rules), stdin=sys.stdin.buffer)
    emit(pretty_json(report) if format_ == "json" else render(report, format_), output)
    return 1 if report.verdict == "fail" else 0


def _input(name: str, role: Role) -> LintInput:
    return LintInput(None if name == _STDIN else Path(name), name, role)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _configured_target() -> str:
    """TUNEGATE_TARGET, else [tool.tunegate] target in ./pyproject.toml; a target is never guessed."""
    if from_environment := os.environ.get("TUNEGATE_TARGET"):
        return from_environment
    project = Path("pyproject.toml")
    if project.is_file():
        import tomllib

        configured = tomllib.loads(project.read_text()).get("tool", {}).get("tunegate", {}).get("target")
        if configured:
            return str(configured)
    raise TuneGateError(
        "usage",
        "--target is required: the same file can be right for one trainer and wrong for another.",
        remedy="Targets: azure-openai, openai, azure-serverless, local (azure-ml), trl, kaito.",
    )
