"""The estimate: peak memory per GPU for one technique, term by term, with a band and a verdict per GPU."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.cost import Cost

Verdict = Literal["fits", "tight", "no"]
Evidence = Literal["formula", "simulated", "measured"]
# what depends on the tables of devices and prices, and on this host: not part of the id
NOT_IN_ID = ("fits", "cost")


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
    """Whether `count` devices of one kind hold the run; headroom is capacity - total_p90."""

    gpu: str
    count: int
    verdict: Verdict
    headroom_gib: float


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


class EstimateSet(msgspec.Struct, frozen=True):
    """Several techniques in one answer."""

    estimates: list[Estimate]
