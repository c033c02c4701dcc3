"""Which rows are nearly the same as an earlier one: bands of sketches that are equal, then the estimate itself.

A row is held against originals only, so that each finding is at least `ALIKE` like the row that it names and a chain of
small changes does not join rows that differ. What is found depends on the rows and their order, on nothing else.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from service.lint.near import PERMUTATIONS
from service.lint.overlap import Keys

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALIKE = 0.85
# 16 bands of 8 permutations: rows 0.85 alike share one with probability 0.994, rows 0.5 alike with 0.06
_BAND = 8
_CHUNK = 1 << 16


class Near(msgspec.Struct, frozen=True):
    """(line, earlier line, estimate) of the lowest lines, and how many there are; lines count from 0 over all files."""

    pairs: list[tuple[int, int, float]] = []
    total: int = 0


def near_pairs(lines: array[int], marks: bytearray, keys: Keys, most: int) -> tuple[Near, Near]:
    """Training rows like an earlier one, and held-out rows like a training row; `most` pairs of each (0 = all).

    `marks` are the sketches of `lines`, ascending. Rows that are equal are not among them.
    """
    if not lines:
        return Near(), Near()
    import numpy as np

    rows = np.frombuffer(lines, dtype=np.uint64).astype(np.int64)
    sketches = np.frombuffer(marks, dtype="<u2").reshape(-1, PERMUTATIONS)
    kept = _first_ones(rows, keys)
    rows, sketches = rows[kept], sketches[kept]
    training = int(np.searchsorted(rows, keys.training))
    found = list(_led(_edges(sketches, training), sketches))
    pairs = [(int(rows[row]), int(rows[first]), share) for row, first, share in found]
    inside = sum(row < training for row, *_ in found)
    return _lowest(pairs[:inside], most), _lowest(pairs[inside:], most)


def without_near(
    lines: array[int], marks: bytearray, keys: Keys, *, inside: bool, between: bool
) -> tuple[set[int], set[int]]:
    """Lines to leave out, of training and held out, so that no pair is found among the others.

    In rounds, because a row that goes may have stood between two that are alike; each round takes every row that it
    finds, and the last one finds none.
    """
    of_training, held_out = set[int](), set[int]()
    while True:
        repeated, leaked = near_pairs(lines, marks, keys, 0)
        new = {line for line, *_ in repeated.pairs} if inside else set()
        leaks = {line for line, *_ in leaked.pairs} if between else set()
        if not new and not leaks:
            return of_training, held_out
        of_training |= new
        held_out |= leaks
        lines, marks = _others(lines, marks, new | leaks)


def _others(lines: array[int], marks: bytearray, gone: set[int]) -> tuple[array[int], bytearray]:
    import numpy as np

    kept = np.array([line not in gone for line in lines], dtype=np.bool_)
    left = np.frombuffer(marks, dtype="<u2").reshape(-1, PERMUTATIONS)[kept]
    return array("Q", (line for line in lines if line not in gone)), bytearray(left.tobytes())


def _lowest(pairs: list[tuple[int, int, float]], most: int) -> Near:
    return Near(pairs[: most or None], len(pairs))


def _first_ones(rows: NDArray[np.int64], keys: Keys) -> NDArray[np.int64]:
    """Places of the rows that are equal to no earlier one."""
    import numpy as np

    columns: list[NDArray[Any]] = [
        np.frombuffer(keys.prompts, np.uint64)[rows],
        np.frombuffer(keys.answers, np.uint32)[rows],
    ]
    if keys.others:
        columns.append(np.frombuffer(keys.others, np.uint32)[rows])
    order = np.lexsort(columns)
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    return np.sort(order[new])


def _edges(sketches: NDArray[np.uint16], training: int) -> NDArray[np.int64]:
    """(later, earlier) places of rows that share a band and are alike, each pair once, ascending."""
    import numpy as np

    found = []
    for start in range(0, PERMUTATIONS, _BAND):
        band = np.ascontiguousarray(sketches[:, start : start + _BAND])
        later, earlier = _neighbours(band.view(np.uint64), training)
        alike = _alike(sketches, later, earlier) >= ALIKE
        found.append(np.stack([later[alike], earlier[alike]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _neighbours(band: NDArray[np.uint64], training: int) -> tuple[Any, Any]:
    """Each row of a bucket with the bucket's first and with the last training row before it."""
    import numpy as np

    # lexsort is stable: within a bucket the places ascend
    order = np.lexsort((band[:, 1], band[:, 0]))
    sorted_ = band[order]
    places = np.arange(len(order))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (sorted_[1:] != sorted_[:-1]).any(axis=1)
    starts = np.maximum.accumulate(np.where(new, places, 0))
    last = np.zeros(len(order), dtype=np.int64)
    last[1:] = np.maximum.accumulate(np.where(order < training, places, 0))[:-1]
    later = ~new & (order[starts] < training)
    near = later & (last > starts)
    return (
        np.concatenate([order[later], order[near]]),
        np.concatenate([order[starts[later]], order[last[near]]]),
    )


def _alike(sketches: NDArray[np.uint16], later: Any, earlier: Any) -> NDArray[np.float64]:
    """The estimate for each pair: the share of permutations that agree."""
    import numpy as np

    shares = np.empty(len(later))
    for start in range(0, len(later), _CHUNK):
        here = slice(start, start + _CHUNK)
        shares[here] = (sketches[later[here]] == sketches[earlier[here]]).mean(axis=1)
    return shares


def _led(edges: NDArray[np.int64], sketches: NDArray[np.uint16]) -> Iterator[tuple[int, int, float]]:
    """(row, original, estimate) in the order of rows; a row like no original is one itself."""
    original: dict[int, int] = {}
    for row, pairs in groupby(edges.tolist(), itemgetter(0)):
        for first in sorted({original.get(earlier, earlier) for _, earlier in pairs}):
            share = float((sketches[row] == sketches[first]).mean())
            if share >= ALIKE:
                original[row] = first
                yield row, first, share
                break
