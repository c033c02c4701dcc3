"""Sketches of rows for near duplicates: MinHash of the words of what is asked and answered, 256 bytes a row.

Words as a set, without case and order: one word changed in twenty leaves a Jaccard index of 0.9, where runs of five
words would leave 0.6. 128 permutations are kept with 16 bits each, so two rows that share no word have an estimate of
0.00, and one of 0.85 has a standard error of 0.03.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from itertools import pairwise

from service.errors import missing_extra

PERMUTATIONS = 128
BYTES = 2 * PERMUTATIONS
# of fewer different words one that differs decides alone
FEWEST_WORDS = 12
_SEED = 1
# scripts that put no spaces between words: Thai, Lao, Khmer, kana and Chinese
UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
# compiled when they are needed, which takes longer than to lint a small file
_WORD = rf"[^\W{UNSPACED}]+"
_RUN = rf"[{UNSPACED}]{{2,}}"


def words(text: str) -> set[str]:
    """The different words of a text; pairs of characters where a script has no spaces."""
    folded = text.casefold()
    found = set(re.findall(_WORD, folded))
    if not folded.isascii():
        for run in re.findall(_RUN, folded):
            found.update(map("".join, pairwise(run)))
    return found


def need_sketches() -> None:
    """Raises `missing_extra` where the library for them is not installed."""
    try:
        import rensa  # noqa: F401
    except ImportError as error:
        raise missing_extra("near", "Finding near duplicates", error) from error


class Sketches:
    """The sketches of a stretch in the order of its lines: `lines` count from 0, `marks` holds `BYTES` for each."""

    def __init__(self) -> None:
        self.lines = array("Q")
        self.marks = bytearray()

    def add(self, rows: Iterable[tuple[int, str]]) -> None:
        """Sketch the next (line, text) of a row; one with few words has no sketch."""
        import numpy as np
        from rensa import RMinHash

        digests: list[list[int]] = []
        for line, text in rows:
            found = words(text)
            if len(found) < FEWEST_WORDS:
                continue
            # one row at a time: the calls for many rows start threads, which a forked worker does not have
            sketch = RMinHash(PERMUTATIONS, _SEED)
            sketch.update(list(found))
            digests.append(sketch.digest())
            self.lines.append(line)
        # of minima the low bits are the ones that are spread evenly
        self.marks += np.array(digests, dtype=np.uint32).astype("<u2").tobytes()

    def merge(self, later: Sketches, lines: int) -> None:
        """Append those of the stretch that begins `lines` lines later."""
        self.lines.extend(line + lines for line in later.lines)
        self.marks += later.marks
