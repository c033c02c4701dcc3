"""tunegate lint: what is wrong with a dataset, before it is submitted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json, say
from service.data import RuleFiles, rule_files
from service.errors import ErrorItem, TuneGateError
from service.records.lint_report import LintReport, Role
from service.settings import load_settings
from service.verbs.fix import FixRequest, fix
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
@click.option("--fix", "mend", is_flag=True, help="Write a copy with safe fixes made, and report on the copy.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also fixes that may change what is trained.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="OUT",
    help="The copy; a folder for several files. What was changed is listed in OUT.changes.jsonl.",
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
    out: Path | None,
    format_: str,
    output: Path | None,
    *,
    mend: bool,
    unsafe_fixes: bool,
    no_input: bool,
) -> int:
    """Lint chat JSONL (also .gz, .zst, - for stdin); exit 1 when an error is left."""
    del no_input
    copy = _fixing(out, output, mend=mend, unsafe=unsafe_fixes)
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
    )
    rules = rule_files(load_settings().rules)
    if copy is None:
        report = lint(request, rules=rules, stdin=sys.stdin.buffer)
    else:
        report = _fixed(FixRequest(lint=request, out=copy, unsafe=unsafe_fixes), rules)
    emit(pretty_json(report) if format_ == "json" else render(report, format_), output)
    return 1 if report.verdict == "fail" else 0


def _fixing(out: Path | None, output: Path | None, *, mend: bool, unsafe: bool) -> Path | None:
    """Where the copy goes, None when nothing is to be fixed."""
    errors = []
    if mend and out is None:
        errors.append(ErrorItem("--fix", "no -o OUT", remedy="Say where the copy goes: nothing is changed in place."))
    if unsafe and not mend:
        errors.append(ErrorItem("--unsafe-fixes", "no --fix", remedy="Add --fix -o OUT."))
    if out is not None and not mend:
        errors.append(ErrorItem("-o", "no --fix", remedy="Add --fix, or write the report with --output PATH."))
    if out is not None and output is not None and out.resolve() == output.resolve():
        errors.append(ErrorItem("--output", "the copy of -o", "another file", "The report is no part of the data."))
    if errors:
        raise TuneGateError("usage", "Options that do not fit one another.", errors=errors)
    return out


def _fixed(request: FixRequest, rules: RuleFiles) -> LintReport:
    record = fix(request, rules=rules, stdin=sys.stdin.buffer)
    for file in record.files:
        say(f"{file.out}: {file.changes} change(s) to {file.path}, listed in {file.log}")
    for rule, count in record.changed.items():
        say(f"  {rule} x {count}")
    rules_left = {finding.rule for finding in record.report.findings if finding.fix == "unsafe"}
    if rules_left and not request.unsafe:
        left = sum(record.report.counts[rule] for rule in rules_left)
        say(f"  {left} finding(s) left may be mended by --unsafe-fixes: {', '.join(sorted(rules_left))}")
    return record.report


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
