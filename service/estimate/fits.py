"""The verdict per device: P90 within the capacity fits, only P50 is tight, else no."""

from __future__ import annotations

from service.estimate.hardware import Hardware
from service.estimate.reserve import DIGITS
from service.records.estimate import Fit, Peak, Verdict


def fit_on(device: Hardware, peak: Peak, *, count: int, why: str | None = None) -> Fit:
    """Whether `count` such devices hold the run; capacity and peak are per device; `why` they cannot run it, if so."""
    capacity = device.capacity_gib or 0.0
    verdict: Verdict = "no"
    if why is not None:
        verdict = "no"
    elif peak.total_p90_gib <= capacity:
        verdict = "fits"
    elif peak.total_p50_gib <= capacity:
        verdict = "tight"
    headroom = round(capacity - peak.total_p90_gib, DIGITS)
    return Fit(gpu=device.id, count=count, verdict=verdict, headroom_gib=headroom, capacity_gib=capacity, why=why)
