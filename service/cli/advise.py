"""tunegate advise: the decision on what is known; asks for what is missing on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from service.cli.files import read_record
from service.cli.output import emit, interactive, output_options, pretty_json, say
from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.records.lint_report import LintReport
from service.settings import load_settings
from service.verbs.advise import advise
from service.verbs.decision_text import markdown, text


@click.command("advise")
@click.argument("facts", type=click.Path(path_type=Path), required=False, metavar="[FACTS.toml|.json]")
@click.option("--set", "settings_", multiple=True, metavar="NAME=VALUE", help="State one fact (repeatable).")
@click.option("--report", type=click.Path(path_type=Path), metavar="LINT.json", help="Facts that lint measured.")
@click.option(
    "--estimate", "estimates", type=click.Path(path_type=Path), multiple=True, metavar="EST.json",
    help="What fits, as estimated (repeatable).",
)  # fmt: skip
@click.option("--edition", metavar="E", help="Edition of the scenario matrix.")
@output_options("markdown")
def command(
    facts: Path | None,
    settings_: tuple[str, ...],
    report: Path | None,
    estimates: tuple[Path, ...],
    edition: str | None,
    format_: str,
    output: Path | None,
    *,
    no_input: bool,
) -> int:
    """Should we fine-tune, and how? Exit 0 decided, 1 facts missing, 2 unusable input."""
    known = (_read_facts(facts) if facts else {}) | _stated(settings_)
    inputs: dict[str, Any] = {
        "rules": rule_files(load_settings().rules),
        "edition": edition,
        "report": read_record(report, LintReport) if report else None,
        "estimates": [one for path in estimates for one in _read_estimates(path)],
    }
    decision = advise(known, **inputs)
    while decision.answer is None and interactive(format_, no_input=no_input):
        decision = _ask(decision, known, inputs)
    render = {"text": text, "json": pretty_json, "markdown": markdown}[format_]
    emit(render(decision), output)
    return 0 if decision.answer is not None else 1


def _ask(decision: Decision, known: dict[str, Any], inputs: dict[str, Any]) -> Decision:
    """Ask the next question until the reply can be used."""
    question = decision.unknown[0]
    while True:
        reply = click.prompt(f"{question.ask} [{question.fact}]", err=True)
        try:
            stated = _stated((f"{question.fact}={reply}",))
            answered = advise(known | stated, **inputs)
        except TuneGateError as error:
            for item in error.errors:
                say(f"  {item.where}: allowed is {item.allowed}. {item.remedy or ''}".rstrip())
            continue
        known.update(stated)
        return answered


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        found: Any = msgspec.json.decode(content) if path.suffix == ".json" else msgspec.toml.decode(content)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.") from error
    except (msgspec.DecodeError, ValueError) as error:
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
    content = path.read_bytes() if path.is_file() else b""
    if b'"estimates"' in content[:200]:
        return read_record(path, EstimateSet).estimates
    return [read_record(path, Estimate)]


def _stated(settings: tuple[str, ...]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    errors = []
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals or not name:
            errors.append(ErrorItem("--set", one, "NAME=VALUE"))
        else:
            facts[name.strip()] = _coerced(name.strip(), value.strip())
    if errors:
        raise TuneGateError("usage", "--set cannot be read.", errors=errors)
    return facts


def _coerced(name: str, value: str) -> Any:
    """yes/no and numbers as such, scenario as a list; everything else is text, judged by the vocabulary."""
    if name == "scenario":
        return [one.strip() for one in value.split(",") if one.strip()]
    if value.lower() in {"yes", "true", "no", "false"}:
        return value.lower() in {"yes", "true"}
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return value
