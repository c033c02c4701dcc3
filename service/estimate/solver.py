"""The largest micro-batch or sequence length that still fits: a search between two sizes of a monotone estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isqrt, sqrt

from service.estimate.notation import Case

MAX_MICRO_BATCH = 65_536
MAX_SEQ_LEN = 10_000_000
_HALVING = 3
# a size and what each moment needs then
Look = tuple[int, Sequence[float]]


def largest(needs: Callable[[int], Sequence[float]], capacity: float, *, limit: int, start: int = 1) -> int:
    """The largest size from 1 to `limit` whose need is within `capacity`, 0 when not even 1 is; needs must not fall.

    What is needed is the largest of the needs of several moments; `start` is a size whose needs are known already.
    A moment's needs are lines or parabolas, so a curve through the sizes that were looked at points at the answer, and
    then at its neighbour, which proves it; each fourth step halves what is left, whatever the shape.
    """
    low, high = min(start, limit), limit
    needed = needs(low)
    if max(needed) > capacity:
        if low == 1:
            return 0
        high, beyond = low, needed
        low, needed = 1, needs(1)
        if max(needed) > capacity:
            return 0
    else:
        beyond = needed if low == high else needs(high)
        if max(beyond) <= capacity:
            return limit
    turn, third = 0, None
    while high - low > 1:
        middle = _probe(turn, low, high, _ahead((low, needed), (high, beyond), third, capacity))
        value = needs(middle)
        if max(value) <= capacity:
            third, low, needed = (low, needed), middle, value
        else:
            third, high, beyond = (high, beyond), middle, value
        turn += 1
    return low


def _ahead(low: Look, high: Look, third: Look | None, capacity: float) -> float:
    """How far above `low` the first of the moments outgrows the capacity, on a curve through what is known of it."""
    width, found = high[0] - low[0], inf
    for number, (under, over) in enumerate(zip(low[1], high[1], strict=True)):
        if over <= capacity:
            continue
        room, slope, bend = capacity - under, (over - under) / width, 0.0
        if third is not None:
            outside = third[0] - low[0]
            bend = ((third[1][number] - under) / outside - slope) / (third[0] - high[0])
        start = slope - width * bend
        inside = start * start + 4 * bend * room
        below = start + sqrt(inside) if inside >= 0 else 0.0
        found = min(found, 2 * room / below if below > 0 else room / slope)
    return found


def _probe(turn: int, low: int, high: int, ahead: float) -> int:
    """A size between the two: on the curve, or halfway (in magnitude, while they are far apart)."""
    half = isqrt(low * high) if high > 4 * low else (low + high) // 2
    guess = half if turn % 4 == _HALVING else low + int(ahead)
    return min(max(guess, low + 1), high - 1)


# of each phase of a run
Needs = Callable[[Case], Sequence[float]]


def max_micro_batch(case: Case, needs: Needs, capacity: float) -> int:
    """The largest micro-batch whose case needs at most `capacity`."""
    asked = case.run.micro_batch
    return largest(
        lambda size: needs(case if size == asked else case.of_batch(size)), capacity, limit=MAX_MICRO_BATCH, start=asked
    )


def max_seq_len(case: Case, needs: Needs, capacity: float, *, limit: int | None = None) -> int:
    """The largest sequence length that does, as all shorter ones do.

    `limit` is the model's context, learned positions are another. Where rows reach the window of some layers the need
    jumps, down too where the mask lets a kernel run that keeps no scores: each side is searched for itself.
    """
    most = min(limit or MAX_SEQ_LEN, case.model.positions or MAX_SEQ_LEN)
    short = case.model.window - 1 - case.run.virtual_tokens if case.run.masks_windows and case.model.window else 0
    short = min(max(short, 0), most)
    asked = case.run.seq_len

    def beyond(start: int, end: int) -> int:
        return largest(
            lambda size: needs(case if start + size == asked else case.of_length(start + size)),
            capacity,
            limit=end - start,
            start=max(1, asked - start) if asked <= end else 1,
        )

    found = beyond(0, short) if short else 0
    return found if found < short or short == most else short + beyond(short, most)
