"""tunegate lint: what is wrong with a dataset, before it is submitted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NoReturn

import click

from service.cli.files import read_record
from service.cli.lint_progress import reading_bar
from service.cli.output import emit, output_options, pretty_json, say
from service.cli.project_config import ConfiguredCommand, privacy_tables
from service.data import RuleFiles, rule_files
from service.errors import ErrorItem, TuneGateError
from service.records.lint_report import LintReport, Role
from service.settings import load_settings
from service.verbs.lint import METHODS, TOKENS, LintInput, LintRequest, lint
from service.verbs.linting.baseline import lint_against
from service.verbs.linting.output import RENDERERS, render
from service.verbs.linting.privacy import MODES, Mode
from service.verbs.linting.target import target_and_rules
from service.verbs.redacting.settings import one_request, privacy_request

_STDIN = "-"
_FORMATS = ("json", *RENDERERS)


def _also(ctx: click.Context, option: click.Parameter, values: Sequence[str]) -> list[tuple[str, Path]]:
    """FORMAT=PATH, split; every wrong one at once."""
    del ctx, option
    pairs = [value.partition("=") for value in values]
    wrong = [
        f"{value!r}" for value, (name, _, path) in zip(values, pairs, strict=True) if name not in _FORMATS or not path
    ]
    if wrong:
        raise click.BadParameter(f"{', '.join(wrong)}: write FORMAT=PATH, with one of {', '.join(_FORMATS)}.")
    return [(name, Path(path)) for name, _, path in pairs]


@click.command("lint", cls=ConfiguredCommand)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--target", metavar="T",
    help="Who will train: azure-openai, openai, azure-serverless, local, trl, kaito, or a profile of your own (.toml).",
)  # fmt: skip
@click.option("--method", default="sft", show_default=True, metavar="M", help=f"Training method: {', '.join(METHODS)}.")
@click.option(
    "--model", metavar="ID", help="The base model: its limits, and its encoding; or a folder with its tokenizer."
)
@click.option(
    "--tokens", type=click.Choice(TOKENS), default="auto", show_default=True,
    help="Count tokens with the model's own encoding: auto where it is at hand, exact or not at all.",
)  # fmt: skip
@click.option(
    "--privacy", type=click.Choice(MODES), show_default="patterns, where the privacy extra is installed",
    help="Look for personal data and secrets: patterns alone, or ner for names too, with a model of your own.",
)  # fmt: skip
@click.option(
    "--language", "privacy_languages", multiple=True, metavar="CODE", show_default="en",
    help="Look for it as in texts of this language (ISO 639-1; repeatable); auto tells each row's.",
)  # fmt: skip
@click.option("--validation", type=click.Path(), metavar="FILE", help="The validation data of the same job.")
@click.option("--select", metavar="IDS", default="", help="Only these rules: ids or their starts, with commas.")
@click.option("--ignore", metavar="IDS", default="", help="Not these rules.")
@click.option("--row-schema", type=click.Path(), metavar="FILE", help="A JSON Schema that every row must keep (F040).")
@click.option(
    "--answer-schema", type=click.Path(), metavar="FILE",
    help="A JSON Schema for answers that are JSON (F041), also as a response_format has it.",
)  # fmt: skip
@click.option(
    "--near-duplicates", is_flag=True,
    help="Also find rows that are nearly the same, in training and between training and validation.",
)  # fmt: skip
@click.option("--languages", is_flag=True, help="Also tell the languages of a sample of rows.")
@click.option(
    "--max-findings", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
    help="At most N findings per rule are listed (0 = all); counts are always complete.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=0), default=0, metavar="N",
    help="Processes that read a large plain file (0 = as many as it is worth); the report is the same.",
)  # fmt: skip
@click.option(
    "--baseline", type=click.Path(), metavar="REPORT",
    help="An older report (JSON, made with --max-findings 0): what it has already is counted as known, and only new "
    "findings decide.",
)  # fmt: skip
@click.option(
    "--also", multiple=True, callback=_also, metavar="FORMAT=PATH",
    help="Write the same report to PATH in another format too; repeatable.",
)  # fmt: skip
@click.option("--fix", "mend", is_flag=True, help="Write a copy with safe fixes made, and report on the copy.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also fixes that may change what is trained.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="OUT",
    help="The copy; a folder for several files. What was changed is listed in OUT.changes.jsonl.",
)  # fmt: skip
@output_options(*(name for name in RENDERERS if name != "text"))
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    target: str | None,
    method: str,
    model: str | None,
    tokens: Literal["off", "auto", "exact"],
    privacy: Mode | None,
    privacy_languages: tuple[str, ...],
    validation: str | None,
    select: str,
    ignore: str,
    row_schema: str | None,
    answer_schema: str | None,
    max_findings: int,
    workers: int,
    baseline: str | None,
    also: list[tuple[str, Path]],
    out: Path | None,
    format_: str,
    output: Path | None,
    *,
    near_duplicates: bool,
    languages: bool,
    mend: bool,
    unsafe_fixes: bool,
    no_input: bool,
) -> int:
    """Lint chat JSONL (also .gz, .zst, Parquet, - for stdin); exit 1 when an error is left.

    Options may also stand in tunegate.toml or in [tool.tunegate] of pyproject.toml, in this folder or above, or in
    the environment (TUNEGATE_TARGET, TUNEGATE_MAX_FINDINGS, ...).
    """
    del no_input
    one_request()
    copy = fixing(out, output, baseline, mend=mend, unsafe=unsafe_fixes)
    folder = Path(model).resolve() if model and Path(model).is_dir() else None
    name, rules = target_and_rules(target or _no_target(), rule_files(load_settings().rules))
    request = LintRequest(
        inputs=_inputs(files, validation, given=_given(ctx, "validation")),
        target=name,
        method=method,
        model=folder.name if folder else model,
        model_folder=folder,
        tokens=tokens,
        select=_names(select),
        ignore=_names(ignore),
        row_schema=Path(row_schema) if row_schema else None,
        answer_schema=Path(answer_schema) if answer_schema else None,
        max_findings=max_findings,
        workers=workers,
        parquet=True,
        near_duplicates=near_duplicates,
        languages=languages,
        privacy=privacy_request(privacy_tables(), mode=privacy, languages=privacy_languages),
    )
    with reading_bar(request.inputs, wanted=format_ == "text" and copy is None) as progress:
        report = _report(request, rules, baseline, copy, progress, unsafe=unsafe_fixes)
    for name, path in also:
        emit(_rendered(report, name), path)
    colour = output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    emit(_rendered(report, format_, colour=colour), output)
    return 1 if report.verdict == "fail" else 0


def fixing(out: Path | None, output: Path | None, baseline: str | None, *, mend: bool, unsafe: bool) -> Path | None:
    """Where the copy goes, None when nothing is to be fixed.

    Raises:
        TuneGateError: `usage`, with all options that do not fit one another.
    """
    errors = []
    if mend and out is None:
        errors.append(ErrorItem("--fix", "no -o OUT", remedy="Say where the copy goes: nothing is changed in place."))
    if unsafe and not mend:
        errors.append(ErrorItem("--unsafe-fixes", "no --fix", remedy="Add --fix -o OUT."))
    if out is not None and not mend:
        errors.append(ErrorItem("-o", "no --fix", remedy="Add --fix, or write the report with --output PATH."))
    if out is not None and output is not None and out.resolve() == output.resolve():
        errors.append(ErrorItem("--output", "the copy of -o", "another file", "The report is no part of the data."))
    if mend and baseline is not None:
        errors.append(ErrorItem("--baseline", "with --fix", "one of the two", "Hold the copy against it afterwards."))
    if errors:
        raise TuneGateError("usage", "Options that do not fit one another.", errors=errors)
    return out


def _report(
    request: LintRequest,
    rules: RuleFiles,
    baseline: str | None,
    copy: Path | None,
    progress: Callable[[int], None] | None,
    *,
    unsafe: bool,
) -> LintReport:
    if copy is not None:
        from service.cli.lint_fix import fixed

        return fixed(request, copy, rules, unsafe=unsafe)
    if baseline is None:
        return lint(request, rules=rules, stdin=sys.stdin.buffer, progress=progress)
    before = read_record(Path(baseline), LintReport)
    report = lint_against(request, before, rules=rules, stdin=sys.stdin.buffer, progress=progress)
    if before.rules_revision != report.rules_revision:
        say("The baseline was made with other rules or another version; what they word differently counts as new.")
    return report


def _rendered(report: LintReport, format_: str, *, colour: bool = False) -> str:
    if format_ == "json":
        return pretty_json(report)
    # an address that nobody configured would lead nowhere
    rule_pages = f"{load_settings().url}/v1/rules/ids" if os.environ.get("TUNEGATE_URL") else ""
    return render(report, format_, colour=colour, rule_pages=rule_pages)


def _given(ctx: click.Context, option: str) -> bool:
    return ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def _inputs(files: Sequence[str], validation: str | None, *, given: bool) -> list[LintInput]:
    """Training files and the validation file.

    A hook passes every changed file, so a validation file that only the configuration names is no training file, and
    is checked as one when it is all that changed.
    """
    if validation is None:
        return [_input(name, "train") for name in files]
    training = [name for name in files if given or not _same(name, validation)]
    if not training:
        return [_input(name, "train") for name in files]
    return [*(_input(name, "train") for name in training), _input(validation, "validation")]


def _same(name: str, other: str) -> bool:
    return _STDIN not in {name, other} and Path(name).resolve() == Path(other).resolve()


def _input(name: str, role: Role) -> LintInput:
    # a record is UTF-8, which the name of a file need not be
    shown = os.fsencode(name).decode("utf-8", "replace")
    return LintInput(None if name == _STDIN else Path(name), shown, role)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _no_target() -> NoReturn:
    """A target is never guessed."""
    raise TuneGateError(
        "usage",
        "--target is required: the same file can be right for one trainer and wrong for another.",
        remedy="Targets: azure-openai, openai, azure-serverless, local (azure-ml), trl, kaito. It may also stand in "
        "TUNEGATE_TARGET, in tunegate.toml, or in [tool.tunegate] of pyproject.toml.",
    )
