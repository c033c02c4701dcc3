"""Texts that are nearly one that was seen: sketches as lint makes them, found by the bands that they share."""

from __future__ import annotations

from typing import Any

from service.lint.near import FEWEST_WORDS, PERMUTATIONS, need_sketches, words

_SEED = 1
# 16 bands of 8 permutations, as service/lint/near_pairs.py has them: 0.85 alike share one with probability 0.994
_BAND = 8
_BYTES = 2


class Likeness:
    """The sketches of the texts that were added. Of texts that are alike only the first is kept, so that what one
    search looks at does not grow with how often a text repeats.

    Raises:
        TuneGateError: `missing_extra` where the library for sketches is not installed.
    """

    def __init__(self, least: float) -> None:
        need_sketches()
        self._least = least
        self._bands: list[dict[bytes, list[int]]] = [{} for _ in range(PERMUTATIONS // _BAND)]
        self._sketches: list[Any] = []
        self._short: set[frozenset[str]] = set()
        self.compared = 0

    def like(self, text: str) -> float:
        """The highest Jaccard index with a text that was added, where it is at least the limit; else 0.

        Of fewer than twelve different words only equal ones are alike.
        """
        found = words(text)
        if len(found) < FEWEST_WORDS:
            return float(bool(found) and frozenset(found) in self._short)
        return self._nearest(_sketch(found))

    def add(self, text: str) -> None:
        """Remember a text."""
        found = words(text)
        if len(found) < FEWEST_WORDS:
            self._short.add(frozenset(found))
            return
        sketch = _sketch(found)
        if self._nearest(sketch):
            return
        for band, key in zip(self._bands, _keys(sketch), strict=True):
            band.setdefault(key, []).append(len(self._sketches))
        self._sketches.append(sketch)

    def _nearest(self, sketch: Any) -> float:
        places = {place for band, key in zip(self._bands, _keys(sketch), strict=True) for place in band.get(key, ())}
        self.compared += len(places)
        best = max((similarity(sketch, self._sketches[place]) for place in places), default=0.0)
        return best if best >= self._least else 0.0


def sketch_of(text: str) -> Any:
    """The sketch of a text as an array of 16-bit numbers; None of one with too few words."""
    found = words(text)
    return _sketch(found) if len(found) >= FEWEST_WORDS else None


def similarity(one: Any, other: Any) -> float:
    """The estimate of the Jaccard index of two sketches."""
    return float((one == other).mean())


def _sketch(found: set[str]) -> Any:
    import numpy as np
    from rensa import RMinHash

    sketch = RMinHash(PERMUTATIONS, _SEED)
    sketch.update(list(found))
    # of minima the low bits are the ones that are spread evenly
    return np.array(sketch.digest(), dtype=np.uint32).astype("<u2")


def _keys(sketch: Any) -> list[bytes]:
    content = sketch.tobytes()
    size = _BAND * _BYTES
    return [content[start : start + size] for start in range(0, len(content), size)]
