"""tunegate evaluate: variants side by side on an evaluation set, and what that decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.asking_progress import asking_progress
from service.cli.evaluate_text import evaluation_text, run_lines
from service.cli.output import emit, output_options, pretty_json, say
from service.data import rule_files
from service.records.evaluation import Evaluation
from service.settings import load_settings
from service.verbs.evaluate import Evaluated, EvaluateRequest, Progress, evaluate

_PATH = click.Path(path_type=Path)


@click.command("evaluate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=_PATH)
@click.option(
    "--model", "models", multiple=True, required=True, metavar="MODEL",
    help="NAME@URL of an OpenAI-compatible endpoint (URL up to /v1), a folder with a model, a run or an ONNX export, "
    "or a TOML file that describes one; repeatable.",
)  # fmt: skip
@click.option(
    "--variant", "variants", multiple=True, type=_PATH, metavar="TOML",
    help="How the models are asked; repeatable. Without one: zero-shot, few-shot where --examples are given, rag where "
    "--documents are.",
)  # fmt: skip
@click.option("-o", "--out", type=_PATH, required=True, metavar="DIR", help="Keeps the answers, readable by you only.")
@click.option(
    "--regression", multiple=True, type=_PATH, metavar="FILE",
    help="Rows that worked before: shows what was forgotten; repeatable.",
)  # fmt: skip
@click.option("--examples", type=_PATH, metavar="FILE", help="Training rows that few-shot examples are drawn from.")
@click.option("--shots", type=int, default=3, show_default=True, metavar="N", help="Examples that are drawn.")
@click.option("--documents", type=_PATH, metavar="DIR", help="Documents that passages are retrieved from.")
@click.option("--judge", metavar="MODEL", help="Also ask this model how good each answer is; marked as an opinion.")
@click.option("--goal", metavar="G", help="What is enough: exact_match>=90%[,usd_per_1000<=N,latency_p95_s<=N].")
@click.option("--budget", type=float, metavar="USD", help="Stop asking before this is spent, over all tries in DIR.")
@click.option(
    "--price", metavar="P/A", help="USD per million tokens of prompts and answers, of endpoints given as NAME@URL."
)
@click.option("--api-key-env", metavar="NAME", help="Variable with the key of endpoints given as NAME@URL.")
@click.option("--concurrency", type=int, default=8, show_default=True, metavar="N", help="Requests at a time.")
@click.option("--samples", type=int, default=0, show_default=True, metavar="N", help="Further answers per row.")
@click.option(
    "--perturbations", type=int, default=0, show_default=True, metavar="N",
    help="Answers per row to prompts that say the same otherwise.",
)  # fmt: skip
@click.option("--temperature", type=float, default=0.0, show_default=True, metavar="T", help="Of the answers.")
@click.option("--max-new-tokens", type=int, default=512, show_default=True, metavar="N", help="Longest answer.")
@click.option("--seed", type=int, default=42, show_default=True, metavar="N", help="Of draws and orders.")
@output_options("markdown", "html")
def command(files: tuple[Path, ...], format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Measure variants x models on FILE...: chat JSONL whose last answer is the expected one, or multiple choice.

    A row may say more of its answer: evaluation = {pattern, json_schema, refuse, expected, choices, right}. Answers
    are kept in DIR: the same command goes on where it stopped and asks for nothing twice. Exit 1 when the goal is not
    met or rows were left unasked, 3 when a model answers nothing.
    """
    del no_input
    several = {name: list(value) for name, value in options.items() if isinstance(value, tuple)}
    given: dict[str, Any] = {**options, **several}
    request = EvaluateRequest(files=list(files), **given)
    with asking_progress("asking", _told) as report:
        made = evaluate(request, rules=rule_files(load_settings().rules), report=report)
    for line in run_lines(made, request.out):
        say(line)
    emit(_shown(made.record, format_), output)
    return _exit_code(made)


def _shown(record: Evaluation, format_: str) -> str:
    if format_ in {"markdown", "html"}:
        from service.verbs.evaluating import page as evaluation_page

        return evaluation_page.html(record) if format_ == "html" else evaluation_page.markdown(record)
    return pretty_json(record) if format_ == "json" else evaluation_text(record)


def _exit_code(made: Evaluated) -> int:
    if any(not one.answered for one in made.failures):
        return 3
    met = made.record.goal is None or made.record.conclusion.status == "met"
    return 0 if met and made.record.complete else 1


def _told(at: Progress) -> str:
    failed = f", {at.failed:,} without an answer" if at.failed else ""
    return f"asked {at.done:,} of {at.total:,} rows{failed}"
