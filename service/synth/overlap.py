"""Runs of words that stand in a set of texts: how long the longest is, and which share of a text they are.

Runs of five words are kept as hashes of 8 bytes in one sorted array, so a search takes as long as its own text is, but
for a logarithm. Of runs that follow each other the second may stand elsewhere in the texts, so a length is at most
over-stated.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import NamedTuple

from service.lint.near import UNSPACED

WORDS = 5
# of scripts without spaces every character is a word, two of which say about as much as one of the others
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
_DENSE = re.compile(rf"[{UNSPACED}]")


class Copied(NamedTuple):
    """`run` words follow each other as they do in the texts; `share` of the runs of five words stand there."""

    run: int
    share: float


class Runs:
    """The runs of some texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        import numpy as np

        hashes = array("q")
        for text in texts:
            hashes.extend(_hashes(text))
        self._hashes = np.unique(np.frombuffer(hashes, dtype=np.int64)) if hashes else np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._hashes)

    def copied(self, text: str) -> Copied:
        """What of a text stands in the texts."""
        import numpy as np

        asked = np.fromiter(_hashes(text), dtype=np.int64)
        if not len(asked) or not len(self._hashes):
            return Copied(0, 0.0)
        places = np.minimum(np.searchsorted(self._hashes, asked), len(self._hashes) - 1)
        found = self._hashes[places] == asked
        longest = run = 0
        for one in found.tolist():
            run = run + 1 if one else 0
            longest = max(longest, run)
        words = longest + WORDS - 1 if longest else 0
        return Copied(words // 2 if _mostly_dense(text) else words, round(float(found.mean()), 4))


def _hashes(text: str) -> Iterable[int]:
    words = _WORD.findall(text.casefold())
    return map(hash, zip(*(words[start:] for start in range(WORDS)), strict=False))


def _mostly_dense(text: str) -> bool:
    return not text.isascii() and 2 * len(_DENSE.findall(text)) > len(text)
