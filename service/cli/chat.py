"""tunegate chat: talk to what came out, on this terminal; nothing of it is written anywhere."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.output import emit, output_options, pretty_json, say
from service.errors import TuneGateError

if TYPE_CHECKING:
    from service.verbs.converse import Talk

_RESET, _QUIT = "/reset", "/quit"
_INTERRUPTED = 130
# a model's answer must not move the cursor or rename the window
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@click.command("chat")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--precision", metavar="P", help="Which ONNX of the artifact; default: its first.")
@click.option("--system", metavar="TEXT|@FILE", help="What the system message says.")
@click.option("--once", metavar="QUESTION", help="Ask this and print the answer alone.")
@click.option(
    "--max-new-tokens", type=click.IntRange(1), metavar="N",
    help="Longest answer in tokens.  [default: what the context leaves, at most 1024]",
)  # fmt: skip
@click.option(
    "--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, metavar="T", help="0 is greedy."
)
@click.option("--top-p", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="P", help="Nucleus.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Of the draws; default: another one each time.")
@click.option("--skip-verify", is_flag=True, help="Open an artifact whose files are not what its manifest says.")
@output_options()
def command(
    folder: Path,
    precision: str | None,
    system: str | None,
    once: str | None,
    max_new_tokens: int | None,
    temperature: float,
    top_p: float,
    seed: int | None,
    format_: str,
    output: Path | None,
    *,
    skip_verify: bool,
    no_input: bool,
) -> int:
    """Talk to the model of a run folder, an unpacked artifact, an ONNX folder or a model folder.

    On a terminal turn by turn: /reset forgets the conversation, /quit or Ctrl-D leaves, Ctrl-C stops an answer and a
    second one leaves. With --once, or a question on stdin, only the answer is printed; as JSON with usage and
    finish_reason.
    """
    from service.verbs.converse import Manner, talking

    question = once if once is not None else _piped()
    if question is None and (no_input or format_ != "text" or output is not None):
        raise TuneGateError(
            "usage", "A conversation needs a terminal, as text.", remedy="Ask with --once, or pipe one question."
        )
    if question is not None and not question.strip():
        raise TuneGateError("usage", "The question is empty.", remedy="Give it with --once or on stdin.")
    manner = Manner(max_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed)
    said = _system(system)
    with talking(folder, manner, precision=precision, system=said, verify=not skip_verify) as talk:
        if question is not None:
            return _answer_once(talk, question, format_, output)
        return _converse(talk)


def _piped() -> str | None:
    """The question on stdin, where that is no terminal."""
    if sys.stdin.isatty():
        return None
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise TuneGateError("invalid_input", "The question on stdin is no UTF-8 text.") from error


def _system(given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return given
    path = Path(given[1:])
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TuneGateError("unreadable_path", f"--system: {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TuneGateError("invalid_input", f"--system: {path} is no UTF-8 text.") from error


def _answer_once(talk: Talk, question: str, format_: str, output: Path | None) -> int:
    whole = format_ == "json" or output is not None
    for piece in talk.ask(question):
        if not whole:
            click.echo(_shown(piece), nl=False)
    assert talk.reply is not None
    if whole:
        emit(pretty_json(talk.reply) if format_ == "json" else talk.reply.answer, output)
    else:
        click.echo()
    return 0


def _converse(talk: Talk) -> int:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - editing and recall while the conversation lasts; no history file
    _introduce(talk)
    interrupted = False
    while True:
        try:
            line = input("> ")
        except EOFError:
            click.echo()
            return 0
        except KeyboardInterrupt:
            click.echo()
            if interrupted:
                return _INTERRUPTED
            interrupted = True
            say("(Ctrl-C again leaves)")
            continue
        if line.strip() == _QUIT:
            return 0
        if line.strip() == _RESET:
            talk.forget()
            say("(forgotten)")
        elif line.strip():
            interrupted = _turn(talk, line)


def _turn(talk: Talk, line: str) -> bool:
    """Print one answer; whether it was stopped."""
    pieces: Iterator[str] = talk.ask(line)
    try:
        for piece in pieces:
            click.echo(_shown(piece), nl=False)
        click.echo()
    except KeyboardInterrupt:
        pieces.close()  # type: ignore[attr-defined]
        click.echo()
        say("(stopped; Ctrl-C again leaves)")
        return True
    except TuneGateError as error:
        say(f"{error.title}: {error.detail} {error.remedy} {_RESET} begins anew.")
    else:
        if talk.reply is not None and talk.reply.finish_reason == "length":
            say("(cut off at the longest answer; --max-new-tokens)")
    return False


def _introduce(talk: Talk) -> None:
    ready = talk.ready()
    context = f", {ready.context} tokens of context" if ready.context else ""
    say(f"{talk.model.name} by {ready.engine} {ready.version}{context}; {_RESET} forgets, {_QUIT} leaves")
    if talk.model.why:
        say(f"not by onnxruntime-genai: {talk.model.why}")


def _shown(text: str) -> str:
    return _CONTROL.sub("", text) if sys.stdout.isatty() else text
