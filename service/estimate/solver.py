"""The largest micro-batch or sequence length that still fits: bisection over a monotone estimate."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from service.estimate.notation import Case

MAX_MICRO_BATCH = 65_536
MAX_SEQ_LEN = 10_000_000


def largest(fits: Callable[[int], bool], *, limit: int) -> int:
    """The largest number from 1 to `limit` that fits, 0 when not even 1 does; `fits` must be monotone."""
    if not fits(1):
        return 0
    low, high = 1, 2
    while high <= limit and fits(high):
        low, high = high, high * 2
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def max_micro_batch(case: Case, fits: Callable[[Case], bool]) -> int:
    """The largest micro-batch whose case fits."""
    return largest(lambda size: fits(_with(case, micro_batch=size)), limit=MAX_MICRO_BATCH)


def max_seq_len(case: Case, fits: Callable[[Case], bool]) -> int:
    """The largest sequence length whose case fits; learned positions are a limit of their own."""
    return largest(lambda length: fits(_with(case, seq_len=length)), limit=case.model.positions or MAX_SEQ_LEN)


def _with(case: Case, **changes: int) -> Case:
    return Case(case.model, msgspec.structs.replace(case.run, **changes))
