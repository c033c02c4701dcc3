"""tunegate advise: the decision on what is known; asks for what is missing on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from service.cli.files import read_record
from service.cli.output import emit, interactive, output_options, pretty_json
from service.data import RuleFiles, rule_files
from service.errors import ErrorItem, TuneGateError
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport
from service.settings import load_settings
from service.verbs.advise import advise
from service.verbs.advising.facts import coerced
from service.verbs.advising.page import html, markdown
from service.verbs.advising.text import text
from service.verbs.advising.translate import ENGLISH, translated


@click.command("advise")
@click.argument("facts", type=click.Path(path_type=Path), required=False, metavar="[FACTS.toml|.json]")
@click.option("--set", "settings_", multiple=True, metavar="NAME=VALUE", help="State one fact (repeatable).")
@click.option("--report", type=click.Path(path_type=Path), metavar="LINT.json", help="Facts that lint measured.")
@click.option(
    "--estimate", "estimates", type=click.Path(path_type=Path), multiple=True, metavar="EST.json",
    help="What fits, as estimated (repeatable).",
)  # fmt: skip
@click.option(
    "--evaluation", "evaluations", type=click.Path(path_type=Path), multiple=True, metavar="EVAL.json",
    help="What was tried, as evaluated (repeatable; the later counts).",
)  # fmt: skip
@click.option("--edition", metavar="E", help="Edition of the scenario matrix.")
@click.option("--lang", metavar="en|tl", default=ENGLISH, show_default=True, help="Language of questions and reasons.")
@output_options("markdown", "html")
def command(
    facts: Path | None,
    settings_: tuple[str, ...],
    report: Path | None,
    estimates: tuple[Path, ...],
    evaluations: tuple[Path, ...],
    edition: str | None,
    lang: str,
    format_: str,
    output: Path | None,
    *,
    no_input: bool,
) -> int:
    """Should we fine-tune, and how? Exit 0 decided, 1 facts missing, 2 unusable input."""
    rules = rule_files(load_settings().rules)
    known = _known(facts, settings_)
    measured: dict[str, Any] = {
        "edition": edition,
        "report": read_record(report, LintReport) if report else None,
        "estimates": [one for path in estimates for one in _read_estimates(path)],
        "evaluations": [read_record(path, Evaluation) for path in evaluations],
    }

    def decide(stated: dict[str, Any]) -> Decision:
        return advise(stated, rules=rules, **measured)

    decision = decide(known)
    if decision.answer is None and interactive(format_, no_input=no_input):
        from service.cli.questions import ask_until_decided

        decision = ask_until_decided(decision, known, decide, rules=rules, lang=lang)
    emit(_rendered(decision, rules, lang, format_), output)
    return 0 if decision.answer is not None else 1


def _rendered(decision: Decision, rules: RuleFiles, lang: str, format_: str) -> str:
    shown, words = translated(decision, rules, lang)
    if format_ == "json":
        return pretty_json(shown)
    if format_ == "html":
        return html(shown, words, language=lang)
    return markdown(shown, words) if format_ == "markdown" else text(shown, words)


def _known(path: Path | None, settings_: tuple[str, ...]) -> dict[str, Any]:
    """What the file and the command line state; the command line wins."""
    return (_read_facts(path) if path else {}) | _stated(settings_)


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        found: Any = msgspec.json.decode(content) if path.suffix == ".json" else msgspec.toml.decode(content)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise TuneGateError(
            "invalid_input", f"{path}: {error}.", remedy='Quote names with dots: "gap.kind".'
        ) from error
    facts = found.get("facts", found) if isinstance(found, dict) else found
    if not isinstance(facts, dict):
        raise TuneGateError(
            "invalid_input", f"{path}: saw no table of facts.", remedy='{"facts": {"gap.kind": "none"}}'
        )
    return facts


def _read_estimates(path: Path) -> list[Estimate]:
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        keys = {}  # said below, as of every record
    if "estimates" in keys:
        return read_record(path, EstimateSet).estimates
    return [read_record(path, Estimate)]


def _stated(settings: tuple[str, ...]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    errors = []
    for one in settings:
        name, equals, value = (part.strip() for part in one.partition("="))
        if not equals or not name:
            errors.append(ErrorItem("--set", one[:60], "NAME=VALUE"))
        elif name in facts and facts[name] != coerced(name, value):
            errors.append(ErrorItem("--set", f"{name} is given twice", "each fact once"))
        else:
            facts[name] = coerced(name, value)
    if errors:
        raise TuneGateError("usage", "--set cannot be read.", errors=errors)
    return facts
