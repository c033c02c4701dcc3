"""What every verb prints: the record on stdout (or --output), messages on stderr, problems in one shape."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from service.errors import TuneGateError
from service.records.problem import problem_of

F = TypeVar("F", bound=Callable[..., Any])


def output_options(*formats: str) -> Callable[[F], F]:
    """Add --format (text, json and the verb's further formats), --output and --no-input to a verb."""

    def add(function: F) -> F:
        function = click.option("--no-input", is_flag=True, help="Never ask; missing answers are reported instead.")(
            function
        )
        function = click.option(
            "--output", type=click.Path(path_type=Path), default=None, metavar="PATH",
            help="Write what stdout would receive to PATH.",
        )(function)  # fmt: skip
        return click.option(
            "--format", "format_", type=click.Choice(["text", "json", *formats]), default="text",
            show_default=True, help="Shape of the answer.",
        )(function)  # fmt: skip

    return add


def pretty_json(record: object) -> str:
    """The record as indented JSON, keys in the order of the contract."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode()


def emit(text: str, output: Path | None) -> None:
    """Write the answer to stdout, to a file that is complete or absent, or into a pipe or a device."""
    if output is None:
        click.echo(text)
        return
    from service.files import writing_output

    with writing_output(output) as handle:
        handle.write((text if text.endswith("\n") else text + "\n").encode())


def say(message: str) -> None:
    """A message for the person at the terminal; never part of the answer."""
    click.echo(message, err=True)


def interactive(format_: str, *, no_input: bool) -> bool:
    """Whether questions may be asked: a terminal on both sides, text format, and no --no-input."""
    return format_ == "text" and not no_input and sys.stdin.isatty() and sys.stderr.isatty()


def fail(error: TuneGateError, *, as_json: bool) -> int:
    """Print a problem on stderr and return the contract's exit code."""
    if as_json:
        click.echo(pretty_json(problem_of(error)), err=True)
        return error.exit_code
    click.echo(f"tunegate: {error.title}: {error.detail}", err=True)
    for item in error.errors:
        parts = [
            item.where,
            f"saw {item.seen}" if item.seen else "",
            f"allowed: {item.allowed}" if item.allowed else "",
        ]
        click.echo(
            "  " + "; ".join(part for part in parts if part) + (f". {item.remedy}" if item.remedy else ""),
            err=True,
        )
    if error.remedy:
        click.echo(f"  {error.remedy}", err=True)
    return error.exit_code
