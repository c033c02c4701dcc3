"""How long rows are in tokens: counted in batches where there is a counter, else estimated from the bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from service.lint.check import Row
from service.lint.shape import (
    BYTES_PER_TOKEN,
    FRAMING_TOKENS,
    implicit_prompt,
    message_text,
    outputs,
    preference_input,
)
from service.records.lint_report import Bin

if TYPE_CHECKING:
    from service.lint.tokens.counter import TokenCounter

_BATCH_ROWS = 512
_MOST_SYSTEMS = 1_000
_PLAIN_ROLES = ("user", "assistant")


Ruler = Callable[[Sequence[dict[str, Any]], Sequence[Any]], tuple[int, bool]]


def conversation_of(data: dict[str, Any], method: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """(messages, tools declared) that a row's length is that of; of a preference row with the preferred output."""
    row = Row(data)
    shared = implicit_prompt(data)
    preferred = [one for _, output in outputs(row)[:1] for one in output[shared:]] if method == "dpo" else []
    asked = [message for message in [*preference_input(row), *preferred] if isinstance(message, dict)]
    declared = [data[key] for key in ("tools", "functions") if data.get(key)]
    return asked or [message for _, message in row.messages], declared


def ruler(counter: TokenCounter | None) -> Ruler:
    """What measures a conversation: (tokens, whether they are approximate beyond what the counter says)."""
    if counter is None:
        return _estimated
    framing = counter.framing()

    def counted(messages: Sequence[dict[str, Any]], declared: Sequence[Any]) -> tuple[int, bool]:
        framed = framing.conversation(messages, declared)
        return framed.added + sum(counter.count(framed.texts)), framed.approximate

    return counted


def _estimated(messages: Sequence[dict[str, Any]], declared: Sequence[Any]) -> tuple[int, bool]:
    del declared
    size = sum(len(message_text(message).encode("utf-8", "surrogatepass")) for message in messages)
    return -(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * len(messages), False


def _estimate(texts: list[str], joined: str) -> int:
    size = len(joined) if joined.isascii() else len(joined.encode())
    return (size - len(texts) + BYTES_PER_TOKEN) // BYTES_PER_TOKEN + FRAMING_TOKENS * len(texts)


class Lengths:
    """Puts the length of every row into a histogram; `flush` after the last."""

    def __init__(self, histogram: Counter[int], counter: TokenCounter | None) -> None:
        self._histogram = histogram
        self._counter = counter
        self._framing = counter.framing() if counter else None
        self._ruler = ruler(counter)
        self._texts: list[str] = []
        self._rows: list[tuple[int, int]] = []
        # the same system message stands in many rows
        self._systems: dict[str, int] = {}
        self._frames: dict[tuple[bool, int], int] = {}
        self.approximate = 0

    def chats(self, contents: list[list[str]], joined: list[str]) -> None:
        """Conversations of the plainest kind: their texts, and these as one."""
        if self._counter is None:
            self._histogram.update(map(_estimate, contents, joined))
            return
        for texts in contents:
            has_system = len(texts) % 2 == 1
            added = self._frame(len(texts), has_system=has_system)
            if has_system:
                added += self._system(texts[0])
            self._texts += texts[has_system:]
            self._rows.append((len(texts) - has_system, added))
            if len(self._rows) == _BATCH_ROWS:
                self.flush()

    def row(self, data: dict[str, Any], method: str) -> int:
        """Any row that holds a conversation; returns its length, 0 for what holds none."""
        messages, declared = conversation_of(data, method)
        if not messages:
            return 0
        tokens, approximate = self._ruler(messages, declared)
        self.approximate += approximate
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


def bins(lengths: Counter[int]) -> list[Bin]:
    """Bins of powers of two from the shortest to the longest row."""
    found: Counter[int] = Counter()
    for length, rows in lengths.items():
        found[length.bit_length()] += rows
    if not found:
        return []
    places = range(min(found), max(found) + 1)
    return [Bin((1 << place) >> 1, (1 << place) - 1, found[place]) for place in places]
