"""How much DeepSpeed moves and keeps at once: what a run is configured with, and what its memory is estimated from."""

from __future__ import annotations

import msgspec


class ZeroSizes(msgspec.Struct, frozen=True, kw_only=True):
    """All in elements; the values are DeepSpeed's own (0.19.8, runtime/zero/config.py), said so that they stay.

    `reduce` is the bucket that gradients are averaged in; the others are ZeRO-3's: how many weights are gathered ahead
    (`prefetch`), up to what size a weight is never sharded (`persistence`), how many are gathered at a time (`live`),
    how soon a weight must be needed again to be kept (`reuse`), and how many the optimizer updates at once (`group`).
    """

    reduce: int = 500_000_000
    prefetch: int = 50_000_000
    persistence: int = 100_000
    live: int = 1_000_000_000
    reuse: int = 1_000_000_000
    group: int = 1_000_000_000


ZERO_SIZES = ZeroSizes()


def settings(sizes: ZeroSizes, *, stage: int) -> dict[str, int]:
    """The same under DeepSpeed's names, those that a stage reads."""
    made = {"reduce_bucket_size": sizes.reduce}
    if stage == 3:
        made |= {
            "stage3_prefetch_bucket_size": sizes.prefetch,
            "stage3_param_persistence_threshold": sizes.persistence,
            "stage3_max_live_parameters": sizes.live,
            "stage3_max_reuse_distance": sizes.reuse,
            "sub_group_size": sizes.group,
        }
    return made
