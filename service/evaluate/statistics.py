"""Intervals: how sure a mean, a share, a corpus score or a difference is, by a seeded bootstrap over rows.

Rows are drawn with replacement; every measure of as many rows sees the same draws, so a difference is always paired.
The tails are those of the "expanded percentile interval" (T. Hesterberg, What Teachers Should Know about the
Bootstrap, arXiv 1411.5279): a plain percentile interval is too narrow for few rows. Shares (0 or 1 a row) have
Wilson's interval (1927), because rows that all agree bootstrap to a width of 0 and nobody may claim certainty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
else:
    Numbers = Any

# resamples x rows that are drawn at once, at 20 bytes each
_BLOCK = 1_000_000
# resamples x rows whose counts are kept between measures, at two bytes each
_MOST_KEPT = 20_000_000
# fewer rows that differ cannot be told from chance at 95 %: two-sided sign test, 2 x 0.5 ** 6 = 0.031, 0.5 ** 4 = 0.063
FEWEST_DIFFERING = 6
# the usual power of a planned comparison (J. Cohen, Statistical Power Analysis, 1988)
POWER = 0.8


class Interval(msgspec.Struct, frozen=True):
    """A value and what bounds it at a confidence."""

    value: float
    low: float
    high: float


class Draws(msgspec.Struct, frozen=True):
    """How rows are drawn: equal draws give equal intervals."""

    seed: int = 0
    resamples: int = 10_000
    confidence: float = 0.95

    def blocks(self, rows: int) -> Iterator[NDArray[np.uint16]]:
        """(resamples of the block, rows): how often each row was drawn."""
        if self.resamples * rows <= _MOST_KEPT:
            yield from _kept(self.seed, self.resamples, rows)
        else:
            yield from _drawn(self.seed, self.resamples, rows)


def _drawn(seed: int, resamples: int, rows: int) -> Iterator[NDArray[np.uint16]]:
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, rows])))
    block = max(1, _BLOCK // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        picked = generator.integers(0, rows, size=(size, rows), dtype=np.int32)
        picked += np.arange(size, dtype=np.int32)[:, None] * np.int32(rows)
        counts = np.bincount(picked.ravel(), minlength=size * rows).reshape(size, rows)
        yield counts.astype(np.uint16)


@lru_cache(maxsize=2)
def _kept(seed: int, resamples: int, rows: int) -> tuple[NDArray[np.uint16], ...]:
    return tuple(_drawn(seed, resamples, rows))


def resampled_sums(statistics: Numbers, draws: Draws) -> Numbers:
    """(resamples, columns): the sums of (rows, columns) over the rows of each draw."""
    import numpy as np

    rows = statistics.shape[0]
    return np.concatenate([block.astype(np.float64) @ statistics for block in draws.blocks(rows)])


def tails(rows: int, confidence: float) -> tuple[float, float]:
    """The two quantiles of an expanded percentile interval for that many rows."""
    from scipy.special import ndtr, stdtrit

    if rows < 2:
        return 0.0, 1.0
    widened = (rows / (rows - 1)) ** 0.5 * stdtrit(rows - 1, (1 + confidence) / 2)
    return float(ndtr(-widened)), float(ndtr(widened))


def mean_intervals(scores: Numbers, draws: Draws, bounds: tuple[float, float] | None = None) -> list[Interval]:
    """The mean of every column of (rows, columns) with its bootstrap interval.

    `bounds` are the least and most that a row can have. Where all rows are equal the bootstrap has no width; a value in
    [0, 1] varies at most as a coin of the same mean does, so Wilson's interval then bounds it.
    """
    means = scores.mean(axis=0)
    if scores.shape[0] < 2:
        return [_certain(float(value), scores.shape[0], draws, bounds) for value in means]
    lows, highs = _quantiles(resampled_sums(scores, draws) / scores.shape[0], scores.shape[0], draws)
    spread = scores.max(axis=0) > scores.min(axis=0)
    return [
        Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))
        if varies
        else _certain(float(value), scores.shape[0], draws, bounds)
        for value, low, high, varies in zip(means, lows, highs, spread, strict=True)
    ]


def share_interval(hits: float, rows: int, confidence: float) -> Interval:
    """Wilson's score interval for a share (E. B. Wilson, 1927); `hits` may be a sum of scores in [0, 1]."""
    from scipy.special import ndtri

    share = hits / rows
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = (z2 / rows * (share * (1 - share) + z2 / (4 * rows))) ** 0.5 / (1 + z2 / rows)
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def corpus_interval(statistics: Numbers, score: Callable[[Sequence[float]], float], draws: Draws) -> Interval:
    """A score of summed statistics (rows, columns), as BLEU and chrF are, with its bootstrap interval."""
    import numpy as np

    value = score(statistics.sum(axis=0).tolist())
    if statistics.shape[0] < 2:
        return Interval(value, 0.0, 100.0)
    drawn = np.array([[score(one)] for one in resampled_sums(statistics, draws).tolist()])
    if np.ptp(drawn) == 0:
        return _certain(value, statistics.shape[0], draws, (0.0, 100.0))
    low, high = _quantiles(drawn, statistics.shape[0], draws)
    return Interval(value, min(float(low[0]), value), max(float(high[0]), value))


def corpus_difference(
    ours: Numbers, theirs: Numbers, score: Callable[[Sequence[float]], float], draws: Draws
) -> Interval:
    """One corpus score minus another on the same rows, drawn together."""
    import numpy as np

    value = score(ours.sum(axis=0).tolist()) - score(theirs.sum(axis=0).tolist())
    if ours.shape[0] < 2:
        return Interval(value, -100.0, 100.0)
    pairs = zip(resampled_sums(ours, draws).tolist(), resampled_sums(theirs, draws).tolist(), strict=True)
    drawn = np.array([[score(one) - score(other)] for one, other in pairs])
    low, high = _quantiles(drawn, ours.shape[0], draws)
    differing = int((ours != theirs).any(axis=1).sum())
    if not differing:
        most = 100 * _no_difference(ours.shape[0], draws.confidence).high
        return Interval(value, -most, most)
    widest = Interval(value, min(float(low[0]), value), max(float(high[0]), value))
    return widest if differing >= FEWEST_DIFFERING else _around_nothing(widest)


def paired_intervals(differences: Numbers, draws: Draws, *, bounded: Sequence[bool]) -> list[Interval]:
    """The mean of every column of paired differences (rows, columns) with its interval.

    The bootstrap's interval; where rows differ by -1, 0 or 1 only, or hardly any differ, together with the exact one of
    the sign test on the rows that differ (so none excludes 0 that the exact test, McNemar's, does not).
    `bounded`: whether a column is a difference of values in [0, 1].
    """
    import numpy as np

    rows, columns = differences.shape
    found = mean_intervals(differences, draws, None)
    for i in range(columns):
        column = differences[:, i]
        signs = np.sign(column)
        if not np.any(signs) and bounded[i]:
            found[i] = _no_difference(rows, draws.confidence)
        elif rows < 2 and bounded[i]:
            found[i] = Interval(float(column.mean()), -1.0, 1.0)
        elif np.array_equal(signs, column) or int(np.abs(signs).sum()) < FEWEST_DIFFERING:
            found[i] = _with_exact(found[i], column, draws.confidence)
    return found


def detectable(spread: float, rows: int, confidence: float) -> float:
    """The smallest difference of means that so many rows show with a power of 0.8 (normal approximation).

    `spread`: the standard deviation of the paired differences.
    """
    from scipy.special import ndtri

    return float((ndtri((1 + confidence) / 2) + ndtri(POWER)) * spread / rows**0.5)


def rows_to_tell(found: Interval, rows: int, goal: float) -> int | None:
    """About how many rows take a goal out of an interval, whose half shrinks with their root; None: no number does."""
    import math

    gap = abs(found.value - goal)
    half = found.high - found.value if goal > found.value else found.value - found.low
    if gap == 0 or half <= 0:
        return None
    return max(rows + 1, math.ceil(rows * (half / gap) ** 2))


def _quantiles(drawn: Numbers, rows: int, draws: Draws) -> tuple[Numbers, Numbers]:
    import numpy as np

    low, high = np.quantile(drawn, tails(rows, draws.confidence), axis=0)
    return low, high


def _certain(value: float, rows: int, draws: Draws, bounds: tuple[float, float] | None) -> Interval:
    if bounds is None:
        return Interval(value, value, value)
    least, most = bounds
    unit = share_interval(rows * (value - least) / (most - least), rows, draws.confidence)
    return Interval(
        value, min(value, least + unit.low * (most - least)), max(value, least + unit.high * (most - least))
    )


def _no_difference(rows: int, confidence: float) -> Interval:
    """No row differs: the share of rows that would is still only bounded by Wilson's interval."""
    most = share_interval(0, rows, confidence).high
    return Interval(0.0, -most, most)


def _around_nothing(found: Interval) -> Interval:
    return Interval(found.value, min(found.low, 0.0), max(found.high, 0.0))


def _with_exact(found: Interval, column: Numbers, confidence: float) -> Interval:
    """The hull with Clopper's and Pearson's interval of the sign, scaled by what differs."""
    import numpy as np
    from scipy.special import betaincinv

    plus, minus = int((column > 0).sum()), int((column < 0).sum())
    differing, tail = plus + minus, (1 - confidence) / 2
    if not differing:
        return found
    low = float(betaincinv(plus, minus + 1, tail)) if plus else 0.0
    high = float(betaincinv(plus + 1, minus, 1 - tail)) if minus else 1.0
    scale = float(np.abs(column).sum()) / len(column)
    return Interval(found.value, min(found.low, scale * (2 * low - 1)), max(found.high, scale * (2 * high - 1)))
