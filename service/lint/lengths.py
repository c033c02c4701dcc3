"""How long rows are in tokens: counted in batches where there is a counter, else estimated from the bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS, message_text
from service.lint.tokens.counter import TokenCounter

_BATCH_ROWS = 512
_MOST_SYSTEMS = 1_000
_PLAIN_ROLES = ("user", "assistant")


class Lengths:
    """Puts the length of every row into a histogram; `flush` after the last."""

    def __init__(self, histogram: Counter[int], counter: TokenCounter | None) -> None:
        self._histogram = histogram
        self._counter = counter
        self._framing = counter.framing() if counter else None
        self._texts: list[str] = []
        self._rows: list[tuple[int, int]] = []
        # the same system message stands in many rows
        self._systems: dict[str, int] = {}
        self._frames: dict[tuple[bool, int], int] = {}
        self.approximate = 0

    def plain(self, contents: list[str], size: int, *, has_system: bool) -> None:
        """A conversation of the plainest kind, whose texts have `size` bytes."""
        if self._counter is None:
            self._histogram[-(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * len(contents)] += 1
            return
        added = self._frame(len(contents), has_system=has_system)
        if has_system:
            added += self._system(contents[0])
            contents = contents[1:]
        self._texts += contents
        self._rows.append((len(contents), added))
        if len(self._rows) == _BATCH_ROWS:
            self.flush()

    def row(self, messages: Sequence[dict[str, Any]], declared: Sequence[Any]) -> int:
        """Any conversation, with the tools that it declares; returns its length."""
        if self._counter is None or self._framing is None:
            size = sum(len(message_text(message).encode("utf-8", "surrogatepass")) for message in messages)
            tokens = -(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * len(messages)
        else:
            framed = self._framing.conversation(messages, declared)
            tokens = framed.added + sum(self._counter.count(framed.texts))
            self.approximate += framed.approximate
        self._histogram[tokens] += 1
        return tokens

    def flush(self) -> None:
        """Count what is waiting."""
        if self._counter is None or not self._rows:
            return
        counts = iter(self._counter.count(self._texts))
        for texts, added in self._rows:
            self._histogram[added + sum(islice(counts, texts))] += 1
        self._texts, self._rows = [], []

    def _frame(self, messages: int, *, has_system: bool) -> int:
        form = (has_system, messages)
        if form not in self._frames:
            assert self._framing is not None
            turns = (messages - has_system) // 2
            self._frames[form] = self._framing.tokens([*(["system"] * has_system), *(_PLAIN_ROLES * turns)])
        return self._frames[form]

    def _system(self, text: str) -> int:
        if text not in self._systems:
            assert self._counter is not None
            if len(self._systems) == _MOST_SYSTEMS:
                self._systems.clear()
            (self._systems[text],) = self._counter.count([text])
        return self._systems[text]
