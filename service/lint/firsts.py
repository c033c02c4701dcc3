"""Where each value came first; beyond a number of different values only that there are more is known."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value", bound=Hashable)


class Firsts(Generic[Value]):
    """The first line of each value, for at most `most` values.

    Neither the order of adding nor the cuts between stretches change what is known of the whole.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.lines: dict[Value, int] = {}
        self.more = False

    def add(self, value: Value, line: int) -> None:
        """A value that stands on a line."""
        if self.more or self.lines.get(value, line + 1) <= line:
            return
        self.lines[value] = line
        if len(self.lines) > self.most:
            self.spill()

    def merge(self, later: Firsts[Value], lines: int) -> None:
        """Add the values of the stretch that begins `lines` lines later."""
        if later.more:
            self.spill()
        for value, line in later.lines.items():
            self.add(value, line + lines)

    def spill(self) -> None:
        """From now on only say that there are more."""
        self.more = True
        self.lines.clear()
