"""How far tunegate lint has read, for whoever waits at a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from service.verbs.lint import LintInput

# what takes no longer than a second or two, with a scan for personal data, needs no bar
_WORTH_BYTES = 8 << 20

_SCAN = "service.privacy"


@contextmanager
def reading_bar(inputs: Sequence[LintInput], *, wanted: bool) -> Iterator[Callable[[int], None] | None]:
    """Takes the bytes that were read, and shows their share on stderr; None where nobody would see or need it.

    Whatever is `wanted`, a terminal is told what holds the privacy scan up.
    """
    if not sys.stderr.isatty():
        yield None
        return
    size = _size(inputs) if wanted else 0
    with _told():
        if size <= _WORTH_BYTES:
            yield None
            return
        with click.progressbar(length=size, label="reading", file=sys.stderr) as bar:
            yield bar.update


@contextmanager
def _told() -> Iterator[None]:
    """Says what holds the privacy scan up; forked readers say it too."""
    handler, log = _OnOwnLine(), logging.getLogger(_SCAN)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


class _OnOwnLine(logging.Handler):
    """Writes over the bar, which is drawn anew below."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"\r{record.getMessage()}", err=True)


def _size(inputs: Sequence[LintInput]) -> int:
    """Bytes of all files; 0 when one has no size that is known before it is read."""
    paths = [one.path for one in inputs]
    known = [path.stat().st_size for path in paths if path is not None and path.is_file()]
    return sum(known) if len(known) == len(paths) else 0
