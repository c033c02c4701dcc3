"""How long rows are in tokens: counted in batches where there is a counter, else estimated from the bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from service.lint.check import Row
from service.lint.shape import (
    BYTES_PER_TOKEN,
    COMPLETION,
    FRAMING_TOKENS,
    PLAIN_TEXT,
    implicit_prompt,
    message_text,
    outputs,
    preference_input,
    shape_of,
)
from service.lint.sizes import tokens

if TYPE_CHECKING:
    from service.lint.tokens.counter import TokenCounter

_BATCH_ROWS = 512
_MOST_SYSTEMS = 1_000
_PLAIN_ROLES = ("user", "assistant")
_BARE = {PLAIN_TEXT: ("text",), COMPLETION: ("prompt", "completion")}


Ruler = Callable[[Sequence[dict[str, Any]], Sequence[Any]], tuple[int, bool]]


def conversation_of(data: dict[str, Any], method: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """(messages, tools declared) that a row's length is that of; of a preference row with the preferred output."""
    row = Row(data)
    shared = implicit_prompt(data)
    preferred = [one for _, output in outputs(row)[:1] for one in output[shared:]] if method == "dpo" else []
    asked = [message for message in [*preference_input(row), *preferred] if isinstance(message, dict)]
    declared = [data[key] for key in ("tools", "functions") if data.get(key)]
    return asked or [message for _, message in row.messages], declared


def bare_texts(data: dict[str, Any]) -> list[str]:
    """The texts of a row that no chat template frames: a plain text, or a prompt with its completion."""
    shape = shape_of(data)
    found = [data.get(key) for key in _BARE.get(shape or "", ())]
    return [text for text in found if isinstance(text, str)]


def row_ruler(counter: TokenCounter | None) -> Callable[[dict[str, Any], str], tuple[int, bool]]:
    """What measures a row of any shape, given with its method; 0 tokens for what holds nothing to train on."""
    conversation = ruler(counter)

    def measured(data: dict[str, Any], method: str) -> tuple[int, bool]:
        messages, declared = conversation_of(data, method)
        if messages:
            return conversation(messages, declared)
        texts = bare_texts(data) if method == "sft" else []
        return (sum(counter.count(texts)) if counter else sum(map(tokens, texts))), False

    return measured


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
        self._ruler = row_ruler(counter)
        self._texts: list[str] = []
        self._rows: list[tuple[int, int]] = []
        # the same system message stands in many rows
        self._systems: dict[str, int] = {}
        self.approximate = 0

    def chats(self, contents: list[list[str]], joined: list[str]) -> None:
        """Conversations of the plainest kind: their texts, and these as one."""
        if self._counter is None:
            self._histogram.update(map(_estimate, contents, joined))
            return
        for start in range(0, len(contents), _BATCH_ROWS):
            batch = contents[start : start + _BATCH_ROWS]
            # a row begins with a system message when the number of its texts is odd
            frames = {length: self._frame(length) for length in set(map(len, batch))}
            systems = {text: self._system(text) for text in {texts[0] for texts in batch if len(texts) % 2}}
            self._texts += chain.from_iterable([texts[len(texts) % 2 :] for texts in batch])
            self._rows += [
                (len(texts) & ~1, frames[len(texts)] + (systems[texts[0]] if len(texts) % 2 else 0)) for texts in batch
            ]
            if len(self._rows) >= _BATCH_ROWS:
                self.flush()

    def row(self, data: dict[str, Any], method: str) -> int:
        """Any row; returns its length, 0 for what holds nothing to train on."""
        found, approximate = self._ruler(data, method)
        self.approximate += approximate
        if found:
            self._histogram[found] += 1
        return found

    def flush(self) -> None:
        """Count what is waiting."""
        if self._counter is None or not self._rows:
            return
        counts = iter(self._counter.count(self._texts))
        self._histogram.update([added + sum(islice(counts, texts)) for texts, added in self._rows])
        self._texts, self._rows = [], []

    def _frame(self, messages: int) -> int:
        assert self._framing is not None
        return self._framing.tokens([*(["system"] * (messages % 2)), *(_PLAIN_ROLES * (messages // 2))])

    def _system(self, text: str) -> int:
        if text not in self._systems:
            assert self._counter is not None
            if len(self._systems) == _MOST_SYSTEMS:
                self._systems.clear()
            (self._systems[text],) = self._counter.count([text])
        return self._systems[text]
