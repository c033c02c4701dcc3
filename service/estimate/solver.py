"""The largest micro-batch or sequence length that still fits: a search between two sizes of a monotone estimate."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import msgspec

from service.estimate.notation import Case

MAX_MICRO_BATCH = 65_536
MAX_SEQ_LEN = 10_000_000
_HALVING = 2


def largest(needs: Callable[[int], float], capacity: float, *, limit: int) -> int:
    """The largest size from 1 to `limit` whose need is within `capacity`, 0 when not even 1 is; needs must not fall.

    Needs are lines joined at kinks, so the straight line between the two sizes soon points at the answer, and then at
    its neighbour, which proves it; each third step halves what is left, whatever the shape.
    """
    low, high = 1, limit
    needed, beyond = needs(low), needs(high)
    if needed > capacity:
        return 0
    if beyond <= capacity:
        return limit
    turn = 0
    while high - low > 1:
        middle = _probe(turn, low, high, (capacity - needed) / (beyond - needed))
        value = needs(middle)
        if value <= capacity:
            low, needed = middle, value
        else:
            high, beyond = middle, value
        turn += 1
    return low


def _probe(turn: int, low: int, high: int, share: float) -> int:
    """A size between the two: on the straight line, or halfway (in magnitude, while they are far apart)."""
    half = isqrt(low * high) if high > 4 * low else (low + high) // 2
    guess = half if turn % 3 == _HALVING else low + int(share * (high - low))
    return min(max(guess, low + 1), high - 1)


def max_micro_batch(case: Case, needs: Callable[[Case], float], capacity: float) -> int:
    """The largest micro-batch whose case needs at most `capacity`."""
    return largest(lambda size: needs(_with(case, micro_batch=size)), capacity, limit=MAX_MICRO_BATCH)


def max_seq_len(case: Case, needs: Callable[[Case], float], capacity: float, *, limit: int | None = None) -> int:
    """The largest sequence length that does, as all shorter ones do.

    `limit` is the model's context, learned positions are another. Where rows reach the window of some layers the need
    jumps, down too where the mask lets a kernel run that keeps no scores: each side is searched for itself.
    """
    most = min(limit or MAX_SEQ_LEN, case.model.positions or MAX_SEQ_LEN)
    short = case.model.window - 1 - case.run.virtual_tokens if case.run.masks_windows and case.model.window else 0
    short = min(max(short, 0), most)

    def beyond(start: int, end: int) -> int:
        return largest(lambda size: needs(_with(case, seq_len=start + size)), capacity, limit=end - start)

    found = beyond(0, short) if short else 0
    return found if found < short or short == most else short + beyond(short, most)


def _with(case: Case, **changes: int) -> Case:
    return Case(case.model, msgspec.structs.replace(case.run, **changes))
