"""From tensor bytes to what the device must have: the allocator's band and the process context."""

from __future__ import annotations

import msgspec

from service.estimate.notation import Kernel
from service.records.estimate import Peak

SOURCE = "31 measured rows (T4, RTX 4080): median and 90th percentile of reserved / allocated"
DIGITS = 6


class Band(msgspec.Struct, frozen=True):
    """Reserved over allocated memory."""

    p50: float
    p90: float


# sdpa: 20 rows, median 1.08, largest 1.25; eager: 11 rows, median 1.13, largest 1.42 (long sequences)
FUSED = Band(1.08, 1.25)
EAGER = Band(1.13, 1.42)


def band(kernel: Kernel) -> Band:
    """The band of an attention kernel."""
    return EAGER if kernel == "eager" else FUSED


def peak_of(allocated_gib: float, *, kernel: Kernel, context_gib: float) -> Peak:
    """All six figures, in GiB."""
    ratio = band(kernel)
    p50, p90 = round(allocated_gib * ratio.p50, DIGITS), round(allocated_gib * ratio.p90, DIGITS)
    return Peak(
        allocated_gib=allocated_gib,
        reserved_p50_gib=p50,
        reserved_p90_gib=p90,
        context_gib=round(context_gib, DIGITS),
        total_p50_gib=round(p50 + context_gib, DIGITS),
        total_p90_gib=round(p90 + context_gib, DIGITS),
    )
