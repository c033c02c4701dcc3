"""The estimate: peak memory per GPU for one technique, term by term, with a band and a verdict per GPU."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.cost import Cost

Verdict = Literal["fits", "tight", "no"]
Sharding = Literal["none", "zero1", "zero2", "zero3"]
Evidence = Literal["formula", "simulated", "measured"]
# what depends on the tables of devices and prices, and on this host: not part of the id
NOT_IN_ID = ("fits", "cost", "smallest", "no_smallest")


class Peak(msgspec.Struct, frozen=True):
    """GiB (2^30 bytes). allocated = tensors; reserved = allocator segments; total = reserved + context."""

    allocated_gib: float
    reserved_p50_gib: float
    reserved_p90_gib: float
    context_gib: float
    total_p50_gib: float
    total_p90_gib: float


class Term(msgspec.Struct, frozen=True):
    """One named part of the peak; all parts sum to `peak.allocated_gib`."""

    term: str
    gib: float
    source: str


class Fit(msgspec.Struct, frozen=True):
    """Whether `count` devices of one kind hold the run; headroom is capacity - total_p90, all of one device.

    The largest rows per pass and the most tokens per row that still fit at P90, the other settings as they are, are
    solved for devices that were named; 0 = not even one, null = not solved.
    """

    gpu: str
    count: int
    verdict: Verdict
    headroom_gib: float
    max_micro_batch: int | None = None
    max_seq_len: int | None = None
    capacity_gib: float | None = None
    # why the device cannot run it at all, whatever memory it has; null where it can
    why: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run fits: `gpus_used` of the `count` GPUs of a machine, each of which needs `total_p90_gib`.

    `machine` and `count` are null for a device that no Azure machine of the rules has; `usd_per_hour` is the whole
    machine's price, null where none was found; `source` says where the price is from, and from when.
    """

    machine: str | None
    gpu: str
    count: int | None
    gpus_used: int
    sharding: Sharding
    usd_per_hour: float | None
    source: str | None
    verdict: Verdict
    total_p90_gib: float
    # machines at a lower price whose GPU the table of devices does not have, so that nobody knows whether they hold it
    cheaper_unjudged: list[str] = []


class Cheapest(msgspec.Struct, frozen=True, kw_only=True):
    """Of several techniques the one whose place costs least per hour, then the one that needs the least memory."""

    technique: str
    place: Place


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate for one technique; its id is over its content."""

    schema: Literal["tunegate.estimate/1"] = "tunegate.estimate/1"
    id: str
    model: str
    technique: str
    inputs: dict[str, Any]
    peak: Peak
    host_ram_gib: float
    phase: str
    phases: dict[str, float]
    breakdown: list[Term]
    fits: list[Fit]
    evidence: Evidence
    validated: bool
    assumptions: dict[str, Any]
    # (share of the step, GiB) of a simulated step; null where no step was run
    timeline: list[tuple[float, float]] | None = None
    # time and money; null where neither the data nor the requests are known
    cost: Cost | None = None
    # the smallest Azure machine that holds it, of those with a named device where devices were named; else why none
    smallest: Place | None = None
    no_smallest: str | None = None


class EstimateSet(msgspec.Struct, frozen=True):
    """Several techniques in one answer; `cheapest` is null where none of them fits anywhere that was judged."""

    estimates: list[Estimate]
    cheapest: Cheapest | None = None
