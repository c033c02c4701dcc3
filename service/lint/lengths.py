"""How long rows are in tokens: counted in batches where there is a counter, else estimated from the bytes."""

from __future__ import annotations

from collections import Counter

from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS

_BATCH_ROWS = 512


class Lengths:
    """Puts the length of every row into a histogram; `flush` after the last."""

    def __init__(self, histogram: Counter[int]) -> None:
        self._histogram = histogram

    def add(self, contents: list[str]) -> None:
        """A row by its messages' texts."""
        size = 0
        for content in contents:
            size += len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
        self._histogram[-(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * len(contents)] += 1
