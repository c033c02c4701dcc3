"""Whether a row's words tell on which side it stands: a classifier learns from one half and is judged on the other.

A naive Bayes over hashed words that a row has or has not (D. Lopez-Paz and M. Oquab, arXiv 1610.06545, for the test).
What is kept of a word is its hash, and no word is ever told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xxhash

from service.evaluate.drift.effects import Draws, Effect, auc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Buckets = NDArray[np.int64]
else:
    Numbers = Buckets = Any

_BUCKETS = 1 << 16
# runs of letters and digits; scripts without spaces by character
_WORD = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\\W_\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


def told_by_words(before: Sequence[str], after: Sequence[str], draws: Draws) -> Effect:
    """The AUC on the halves that nothing was learnt from; rows come in the random order of their sample."""
    hashes = _Hashes()
    sides = [[_buckets(text, hashes) for text in texts] for texts in (before, after)]
    weights = _learnt(sides[0][::2], sides[1][::2])
    scores = [[_score(row, weights) for row in rows[1::2]] for rows in sides]
    return auc(scores[0], scores[1], draws)


def _buckets(text: str, hashes: _Hashes) -> Buckets:
    """Those of a text's different words, in order: a sum of floats depends on it, and a set has another every time."""
    import numpy as np

    return np.sort(np.array([hashes[word] for word in set(_WORD.findall(text.lower()))], dtype=np.int64))


class _Hashes(dict[str, int]):
    """Word -> its bucket; each word is hashed once."""

    def __missing__(self, word: str) -> int:
        found = self[word] = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) % _BUCKETS
        return found


def _learnt(before: Sequence[Buckets], after: Sequence[Buckets]) -> Numbers:
    """The weight of every bucket: how much likelier a row of `after` has it, as a logarithm; both get half a row."""
    import numpy as np

    counts = [np.bincount(np.concatenate(rows), minlength=_BUCKETS) for rows in (before, after)]
    shares = [(count + 0.5) / (len(rows) + 1) for count, rows in zip(counts, (before, after), strict=True)]
    weights: Numbers = np.log(shares[1] / shares[0])
    # what neither side has says nothing
    weights[(counts[0] + counts[1]) == 0] = 0.0
    return weights


def _score(row: Buckets, weights: Numbers) -> float:
    """The mean weight, so that a longer row is not surer by its length alone; 0 of a row without words."""
    return float(weights[row].mean()) if len(row) else 0.0
