"""How large a change is, with an interval: PSI, Kolmogorov-Smirnov, AUC, differences of shares and of scores.

PSI and KS are not negative, so a sample shows more than there is: their intervals are basic bootstrap intervals
(A. Davison and D. Hinkley, Bootstrap Methods, 1997, 5.2), which take what the sampling adds away again. Counts are
drawn anew from the multinomial distributions that were seen, seeded. What no draw can show bounds them too: a
category that neither side has in its sample may still have a share on one (Wilson).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from service.evaluate.statistics import Interval, share_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
else:
    Numbers = Any

# cells of a distribution that are drawn anew; the statistic itself is of every value
_CELLS, _DECILES = 60, 10
_HALF = 0.5


class Effect(msgspec.Struct, frozen=True):
    """An effect with its interval, and how likely as much is without any change."""

    value: float
    low: float
    high: float
    p_value: float | None = None


class Draws(msgspec.Struct, frozen=True):
    """`confidence` is that of one interval."""

    confidence: float
    resamples: int
    seed: int


def psi(before: Sequence[int], after: Sequence[int], draws: Draws) -> Effect:
    """The population stability index of two counts over the same categories.

    Half a row is added to every category (of both sides), so that one that is empty gives no infinity. The p-value is
    that of the chi-square test of independence (scipy).
    """
    import numpy as np
    from scipy.stats import chi2_contingency

    table = np.array([before, after], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    unseen = _psi_of_unseen(int(table.sum(axis=1).min()), draws.confidence)
    if table.shape[1] < 2:
        return Effect(0.0, 0.0, unseen, 1.0)
    value = float(_psi(table[:1], table[1:])[0])
    drawn = _psi(*_drawn(table, draws))
    low, high = _basic(value, drawn, draws.confidence)
    return Effect(value, low, max(value, high, unseen), float(chi2_contingency(table, correction=False).pvalue))


def ks(before: Mapping[int, int], after: Mapping[int, int], draws: Draws) -> Effect:
    """The two-sample Kolmogorov-Smirnov statistic of two histograms (value -> rows), each of at least one row.

    The p-value is that of `scipy.stats.ks_2samp(method="asymp")`, which is given every row by itself and sorts them:
    from the histograms memory and time follow the different values, not the rows.
    """
    import numpy as np
    from scipy.stats import kstwo

    values = sorted({*before, *after})
    table = np.array([[side.get(one, 0) for one in values] for side in (before, after)], dtype=np.float64)
    totals = table.sum(axis=1)
    value = float(_largest_distance(table[:1], table[1:])[0])
    p_value = float(np.clip(kstwo.sf(value, np.round(totals.prod() / totals.sum())), 0, 1))
    cells = _cells(table)
    drawn = _largest_distance(*_drawn(cells, draws))
    low, high = _basic(value, drawn, draws.confidence)
    widest = _at_widest(table, draws)
    return Effect(value, min(low, widest.low), min(1.0, max(high, widest.high)), p_value)


def deciles(before: Mapping[int, int], after: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """The rows of both sides in the baseline's tenths; fewer where many rows have one value."""
    import numpy as np

    values = np.array(sorted({*before, *after}), dtype=np.int64)
    table = np.array([[side.get(int(one), 0) for one in values] for side in (before, after)], dtype=np.int64)
    cumulated = table[0].cumsum() / max(1, table[0].sum())
    # the tenth that the middle of a value's rows stands in
    tenth = np.minimum((cumulated - table[0] / max(1, table[0].sum()) / 2) * _DECILES, _DECILES - 1).astype(np.int64)
    found = [np.bincount(tenth, weights=side, minlength=_DECILES).astype(int) for side in table]
    return found[0].tolist(), found[1].tolist()


def auc(before: Sequence[float], after: Sequence[float], draws: Draws) -> Effect:
    """How often a score of `after` is above one of `before` (ties half), interval by DeLong, p by Mann and Whitney."""
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import mannwhitneyu, rankdata

    one, other = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    n, m = len(one), len(other)
    ranks = rankdata(np.concatenate([one, other]))
    # placements: the share of the other side that a score beats
    above = (ranks[n:] - rankdata(other)) / n
    below = 1 - (ranks[:n] - rankdata(one)) / m
    value = float(above.mean())
    half = float(ndtri((1 + draws.confidence) / 2)) * float(above.var(ddof=1) / m + below.var(ddof=1) / n) ** 0.5
    # scores that are told apart without a fault have no spread; a share of the rows bounds them still
    half = max(half, 1 - share_interval(min(n, m), min(n, m), draws.confidence).low if half == 0 else 0.0)
    p_value = float(mannwhitneyu(other, one, alternative="greater").pvalue)
    return Effect(value, max(0.0, value - half), min(1.0, value + half), p_value)


def share_difference(before: tuple[int, int], after: tuple[int, int], draws: Draws) -> Effect:
    """How far two shares (hits, rows) lie apart, without the sign: Newcombe's hybrid of Wilson's intervals (1998)."""
    from scipy.stats import chi2_contingency

    sides = [share_interval(hits, rows, draws.confidence) for hits, rows in (before, after)]
    found = apart(*sides)
    table = [[hits, rows - hits] for hits, rows in (before, after)]
    varies = all(sum(column) for column in zip(*table, strict=True))
    p_value = float(chi2_contingency(table, correction=False).pvalue) if varies else 1.0
    return distance(Effect(found.value, found.low, found.high, p_value))


def apart(before: Interval, after: Interval) -> Interval:
    """`after` minus `before`, of two samples, from their own intervals (MOVER: G. Zou and A. Donner, 2008)."""
    value = after.value - before.value
    low = value - ((after.value - after.low) ** 2 + (before.high - before.value) ** 2) ** _HALF
    high = value + ((after.high - after.value) ** 2 + (before.value - before.low) ** 2) ** _HALF
    return Interval(value, low, high)


def distance(found: Effect) -> Effect:
    """A difference without its sign; an interval that holds 0 begins there."""
    if found.low <= 0 <= found.high:
        return Effect(abs(found.value), 0.0, max(-found.low, found.high), found.p_value)
    low, high = sorted((abs(found.low), abs(found.high)))
    return Effect(abs(found.value), low, high, found.p_value)


def widened(found: Interval, confidence: float, wanted: float) -> Interval:
    """An interval at another confidence, by the ratio of the normal quantiles."""
    from scipy.special import ndtri

    ratio = float(ndtri((1 + wanted) / 2) / ndtri((1 + confidence) / 2))
    return Interval(
        found.value, found.value - ratio * (found.value - found.low), found.value + ratio * (found.high - found.value)
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values adjusted by Holm's method (1979), in their order; None stays None."""
    known = sorted((one, place) for place, one in enumerate(p_values) if one is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (one, place) in enumerate(known):
        highest = max(highest, min(1.0, one * (len(known) - rank)))
        adjusted[place] = highest
    return adjusted


def _drawn(table: Numbers, draws: Draws) -> tuple[Numbers, Numbers]:
    """(resamples, categories) of both sides, drawn from what was seen."""
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(draws.seed))
    sides = [
        generator.multinomial(int(side.sum()), side / side.sum(), size=draws.resamples).astype(np.float64)
        for side in table
    ]
    return sides[0], sides[1]


def _psi(before: Numbers, after: Numbers) -> Numbers:
    import numpy as np

    p, q = ((side + _HALF) / (side + _HALF).sum(axis=1, keepdims=True) for side in (before, after))
    found: Numbers = ((q - p) * np.log(q / p)).sum(axis=1)
    return found


def _largest_distance(before: Numbers, after: Numbers) -> Numbers:
    import numpy as np

    shares = [side.cumsum(axis=1) / side.sum(axis=1, keepdims=True) for side in (before, after)]
    found: Numbers = np.abs(shares[0] - shares[1]).max(axis=1)
    return found


def _at_widest(table: Numbers, draws: Draws) -> Effect:
    """The difference of shares at the value where the two distributions lie farthest apart."""
    import numpy as np

    cumulated = table.cumsum(axis=1)
    place = int(np.abs(cumulated[0] / cumulated[0, -1] - cumulated[1] / cumulated[1, -1]).argmax())
    sides = [share_interval(float(side[place]), int(side[-1]), draws.confidence) for side in cumulated]
    found = apart(*sides)
    return distance(Effect(found.value, found.low, found.high))


def _psi_of_unseen(rows: int, confidence: float) -> float:
    """The index of a category that one side may have and neither shows."""
    from math import log

    share = share_interval(0, rows, confidence).high
    return share * log(share * (rows + _HALF) / _HALF)


def _cells(table: Numbers) -> Numbers:
    """Both histograms in about `_CELLS` cells of as many rows each at most, and a cut where they differ most."""
    import numpy as np

    if table.shape[1] <= _CELLS:
        return table
    pooled = table.sum(axis=0).cumsum()
    cuts = np.searchsorted(pooled, np.linspace(0, pooled[-1], _CELLS + 1)[1:-1])
    cumulated = table.cumsum(axis=1) / table.sum(axis=1, keepdims=True)
    widest = int(np.abs(cumulated[0] - cumulated[1]).argmax())
    starts = np.unique(np.concatenate([[0], cuts + 1, [widest + 1]]))
    return np.add.reduceat(table, starts[starts < table.shape[1]], axis=1)


def _basic(value: float, drawn: Numbers, confidence: float) -> tuple[float, float]:
    import numpy as np

    lower, upper = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = max(0.0, 2 * value - float(upper)), max(0.0, 2 * value - float(lower))
    return min(low, value), max(high, 0.0)
