"""How much the rows of a set resemble each other, measured on a sample that the seed draws."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise

from service.records.synthesis import SynthDiversity
from service.synth.likeness import similarity, sketch_of

_ROWS, _PAIRS = 2_000, 10_000
# distinct-n falls with the size of what it is taken of; lint takes as many
_ANSWERS = 250
_WORD = re.compile(r"[^\W_]+")
# of each answer, so that long ones do not outweigh the others
_WORDS = 60
_FEWEST = 2


def spread(rows: Sequence[tuple[str, str]], *, seed: int) -> SynthDiversity | None:
    """Of (question, answer) pairs; None of fewer than two rows."""
    if len(rows) < _FEWEST:
        return None
    draw = random.Random(seed)  # noqa: S311 - a sample
    sample = draw.sample(list(rows), min(len(rows), _ROWS))
    said = [_WORD.findall(answer.casefold())[:_WORDS] for _, answer in sample[:_ANSWERS]]
    singles = [word for words in said for word in words]
    pairs = [pair for words in said for pair in pairwise(words)]
    sketches = [one for row in sample if (one := sketch_of("\n".join(row))) is not None]
    drawn = [draw.sample(sketches, 2) for _ in range(_PAIRS)] if len(sketches) >= _FEWEST else []
    if len(sketches) * (len(sketches) - 1) // 2 <= _PAIRS:
        drawn = [[one, other] for n, one in enumerate(sketches) for other in sketches[:n]]
    alike = [similarity(one, other) for one, other in drawn]
    return SynthDiversity(
        distinct_1=_share(len(set(singles)), len(singles)),
        distinct_2=_share(len(set(pairs)), len(pairs)),
        self_similarity=_share(sum(alike), len(alike)),
        pairs=len(alike),
    )


def _share(part: float, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
