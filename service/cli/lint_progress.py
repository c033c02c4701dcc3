"""How far tunegate lint has read, for whoever waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from service.verbs.lint import LintInput

# what takes no longer than a second needs no bar
_WORTH_BYTES = 32 << 20


@contextmanager
def reading_bar(inputs: Sequence[LintInput], *, wanted: bool) -> Iterator[Callable[[int], None] | None]:
    """Takes the bytes that were read, and shows their share on stderr; None where nobody would see or need it."""
    size = _size(inputs) if wanted and sys.stderr.isatty() else 0
    if size <= _WORTH_BYTES:
        yield None
        return
    with click.progressbar(length=size, label="reading", file=sys.stderr) as bar:
        yield bar.update


def _size(inputs: Sequence[LintInput]) -> int:
    """Bytes of all files; 0 when one has no size that is known before it is read."""
    paths = [one.path for one in inputs]
    known = [path.stat().st_size for path in paths if path is not None and path.is_file()]
    return sum(known) if len(known) == len(paths) else 0
