"""From tensor bytes to what the device must have: the allocator's band and the process context."""

from __future__ import annotations

import msgspec

from service.estimate.notation import Kernel
from service.records.estimate import Peak

DIGITS = 6


class Band(msgspec.Struct, frozen=True):
    """Reserved over allocated memory."""

    p50: float
    p90: float


# reserved / allocated of 31 rows measured on T4 and RTX 4080; sdpa: 20 rows, median 1.08, largest 1.25;
# eager: 11 rows, median 1.13, largest 1.42 (long sequences)
FUSED = Band(1.08, 1.25)
EAGER = Band(1.13, 1.42)
# growth of resident memory over tensor bytes: 1.17 to 1.53 in benchmarks/estimate_cpu_rss.py (glibc malloc, x86-64,
# 2026-11-21), where the tensors themselves were predicted to 0.1 %
CPU = Band(1.4, 1.6)


def band(kernel: Kernel, *, cuda: bool) -> Band:
    """The band of an attention kernel on a GPU, or of the CPU's allocator."""
    if not cuda:
        return CPU
    return EAGER if kernel == "eager" else FUSED


def peak_of(allocated_gib: float, *, ratio: Band, context_gib: float) -> Peak:
    """All six figures, in GiB."""
    p50, p90 = round(allocated_gib * ratio.p50, DIGITS), round(allocated_gib * ratio.p90, DIGITS)
    return Peak(
        allocated_gib=allocated_gib,
        reserved_p50_gib=p50,
        reserved_p90_gib=p90,
        context_gib=round(context_gib, DIGITS),
        total_p50_gib=round(p50 + context_gib, DIGITS),
        total_p90_gib=total_p90(allocated_gib, ratio=ratio, context_gib=context_gib),
    )


def total_p90(allocated_gib: float, *, ratio: Band, context_gib: float) -> float:
    """That figure alone, in GiB: all that a search for the largest size looks at."""
    return round(round(allocated_gib * ratio.p90, DIGITS) + context_gib, DIGITS)
