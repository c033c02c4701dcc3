"""tunegate synth: rows that a model writes, from documents or for personas, with what keeps them safe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from service.cli.asking_progress import asking_progress
from service.cli.output import emit, output_options, pretty_json
from service.cli.project_config import privacy_tables
from service.data import rule_files
from service.records.synthesis import SynthReport
from service.settings import load_settings
from service.verbs.redacting.options import configured
from service.verbs.redacting.settings import one_request, privacy_request
from service.verbs.synth import PERSONAL, Progress, Synthesized, SynthRequest, synth

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_DEFAULTS = SynthRequest(kind="coverage", out=Path(), model="", target="")


@click.group("synth")
def command() -> None:
    """Rows that a model writes where data is missing: nothing personal is sent, nothing copied stays."""


def _shared(function: F) -> F:
    """The options of both kinds."""
    for option in (
        click.option("--endpoint", metavar="URL", help="An OpenAI-compatible endpoint, up to /v1; it writes the rows."),
        click.option("--model", required=True, metavar="M", help="Its model, or a TOML file that names both."),
        click.option("--api-key-env", metavar="NAME", help="Variable with the endpoint's key."),
        click.option("--target", required=True, metavar="T", help="The lint target that the rows are for."),
        click.option("-o", "--out", type=_PATH, required=True, metavar="OUT.jsonl", help="The rows."),
        click.option("--rows", type=int, metavar="N", help="How many; else one per chunk or topic."),
        click.option("--work", type=_PATH, metavar="DIR", help="Keeps what was answered; else OUT.jsonl.work."),
        click.option("--budget-tokens", type=int, metavar="N", help="Of prompts and replies, over all tries in DIR."),
        click.option("--budget-requests", type=int, metavar="N", help="Over all tries in DIR."),
        click.option("--max-cost", type=float, metavar="USD", help="Over all tries in DIR; needs --price."),
        click.option("--price", metavar="P/A", help="USD per million tokens of prompts and replies."),
        click.option("--system", default=_DEFAULTS.system, show_default=True, metavar="TEXT",
                     help="The rows' system message; empty for none."),
        click.option("--personal", type=click.Choice(PERSONAL), default=_DEFAULTS.personal, show_default=True,
                     help="What becomes of rows in which something personal or secret is found."),
        click.option("--language", "languages", multiple=True, metavar="CODE",
                     help="Of the texts, for finding what is personal; repeatable."),
        click.option("--temperature", type=float, default=_DEFAULTS.temperature, show_default=True, metavar="T",
                     help="Of the replies."),
        click.option("--max-new-tokens", type=int, default=_DEFAULTS.max_new_tokens, show_default=True, metavar="N",
                     help="Longest reply."),
        click.option("--concurrency", type=int, default=_DEFAULTS.concurrency, show_default=True, metavar="N",
                     help="Requests at a time."),
        click.option("--seed", type=int, default=_DEFAULTS.seed, show_default=True, metavar="N",
                     help="Of orders and draws."),
        output_options(),
    )[::-1]:  # fmt: skip
        function = option(function)
    return function


@command.command("coverage")
@click.argument("sources", nargs=-1, required=True, type=_PATH, metavar="SOURCES...")
@click.option(
    "--chunk-tokens", type=int, default=_DEFAULTS.chunk_tokens, show_default=True, metavar="N",
    help="Longest piece of a document that one request has.",
)  # fmt: skip
@_shared
def coverage(sources: tuple[Path, ...], format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Questions and answers on SOURCES (text, Markdown, HTML, CSV, JSON, or folders of them), every piece once first.

    What is personal is taken out before anything is sent, to an endpoint on this machine too. The same command goes on
    where a killed one stopped. Beside OUT.jsonl stand OUT.synth.json (the record) and OUT.provenance.jsonl (where each
    row comes from). Exit 1 when rows are missing, too much alike or do not lint clean, 3 when the endpoint gives up.
    """
    del no_input
    return _run("coverage", {"sources": list(sources)} | options, format_, output)


@command.command("personas")
@click.option("--topic", "topics", multiple=True, metavar="TEXT", help="What the rows are about; repeatable.")
@click.option("--grid", type=_PATH, metavar="FILE.toml", help="Dimensions with values, and topics; else the shipped.")
@_shared
def personas(format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Messages of simulated people with ideal answers, where there are no sources: every topic in turn.

    Nothing holds the answers against facts: have them read by somebody who knows. Files and exit codes are those of
    coverage.
    """
    del no_input
    return _run("personas", options | {"topics": list(options["topics"])}, format_, output)


def _run(kind: str, options: dict[str, Any], format_: str, output: Path | None) -> int:
    one_request()
    settings = load_settings()
    asked = privacy_request(privacy_tables())
    languages = options.pop("languages")
    redaction = configured(asked, way="pseudonyms", entities=(), languages=languages, threshold=None)
    request = SynthRequest(kind=kind, redaction=redaction, privacy=asked, **options)  # type: ignore[arg-type]
    with asking_progress("writing", _told) as report:
        made = synth(request, rules=rule_files(settings.rules), settings=settings, report=report)
    emit(pretty_json(made.record) if format_ == "json" else synth_text(made), output)
    return 0 if made.record.verdict == "pass" else 1


def synth_text(made: Synthesized) -> str:
    """What was written, what was left out and why, and what the set is worth."""
    record = made.record
    lines = [_written(record)]
    covered = sum(one.covered for one in record.sources)
    whole = sum(one.chunks for one in record.sources)
    unit = "chunks" if record.kind == "coverage" else "topics"
    lines.append(f"covered {covered:,} of {whole:,} {unit} ({record.coverage:.0%})")
    lines += [f"passed over {one.what}: {one.why}" for one in record.passed_over]
    if record.redacted:
        lines.append("taken out before anything was sent: " + _counts(record.redacted))
    if record.rejected:
        lines.append("replies that became no row: " + _counts(record.rejected))
    if record.failed:
        lines.append("requests without a reply: " + _counts(record.failed))
    if record.diversity is not None:
        seen = record.diversity
        lines.append(f"distinct-2 {seen.distinct_2:.2f}, self-similarity {seen.self_similarity:.2f}")
    money = "" if record.spent.usd is None else f", {record.spent.usd:.4f} USD"
    lines.append(f"asked {record.spent.requests:,} times, {record.spent.tokens:,} tokens{money}")
    lines += [f"{one.rule} {one.says}" for one in record.why]
    if made.kept is not None:
        lines.append(f"answers are kept in {made.kept}: with it as --work nothing is asked twice")
    lines += [f"not looked for: {one.what} ({one.why})" for one in record.not_scanned]
    return "\n".join(lines)


def _written(record: SynthReport) -> str:
    if record.output is None:
        return "wrote nothing: no row stayed"
    return f"wrote {record.output.path}: {record.output.rows:,} of {record.rows:,} rows, {record.verdict}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} x {count:,}" for name, count in counts.items())


def _told(at: Progress) -> str:
    left_out = f", {at.failed:,} replies left out" if at.failed else ""
    return f"{at.done:,} of {at.total:,} rows{left_out}"
