"""How far the asking of a model is: a bar for a terminal, a line per tenth for a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from service.cli.output import say
from service.verbs.evaluate import Progress

_TENTHS = 10


@contextmanager
def asking_progress(label: str, told: Callable[[Progress], str]) -> Iterator[Callable[[Progress], None]]:
    """What a verb reports to; `label` stands before the bar, `told` is the line."""
    if sys.stderr.isatty():
        with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

            def draw(at: Progress) -> None:
                bar.length = at.total
                bar.update(at.done - bar.pos)

            yield draw
        return
    last = 0

    def tell(at: Progress) -> None:
        nonlocal last
        tenth = _TENTHS * at.done // at.total
        if tenth > last:
            last = tenth
            say(told(at))

    yield tell
