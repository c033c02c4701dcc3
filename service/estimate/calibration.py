"""What measurements on a device change in later estimates for it: context, constant and the reserved band, no more.

What is allocated is the formulas' own: where a measurement differs from them by more than 3 % the formula is wrong,
and nothing is calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from service.estimate.hardware import Hardware
from service.estimate.notation import GIB, MIB, Case
from service.estimate.phases import CONSTANT_BYTES, CONSTANT_SOURCE
from service.estimate.reserve import Band, band

# measurement rows that a fit looks at: the newest
KEPT = 60
# what the allocator keeps is whole blocks of 2 and 20 MiB (torch CUDACachingAllocator: kSmallBuffer, kLargeBuffer), so
# a run of a few MiB shows many times what it allocates
TELLS_RESERVED_MIB = 1024
# a run so much smaller than another says nothing of the other's peak
COMPARABLE = 0.1


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured shape; sizes in MiB."""

    measured_at: str
    model: str
    technique: str
    micro_batch: int
    seq_len: int
    allocated_mib: float
    reserved_mib: float | None = None
    context_mib: float = 0.0
    constant_mib: float | None = None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What was fitted for one device, one set of libraries, one attention and one kind of weights."""

    torch: str
    transformers: str
    attention: str
    quantisation: str
    measured_at: str
    context_mib: Annotated[float, msgspec.Meta(ge=0)]
    constant_mib: float
    reserved_p50: Annotated[float, msgspec.Meta(ge=1)]
    reserved_p90: float
    rows: list[Row]

    def __post_init__(self) -> None:
        """A file that somebody edited is refused when it is read."""
        if self.reserved_p90 < self.reserved_p50:
            raise ValueError("reserved_p90 is below reserved_p50")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A calibration that lies on this machine; `current` where its libraries are those that are installed."""

    device: str
    file: str
    calibration: Calibration
    current: bool = True


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to the formulas on one device."""

    constant_bytes: int
    constant_source: str
    ratio: Band
    context_gib: float
    known: Known | None = None
    outdated: Known | None = None


def quantisation_of(technique: str) -> str:
    """How the base is kept, as calibrations are told apart."""
    return "nf4" if technique in ("qlora", "qdora") else "none"


def ground_of(case: Case, device: Hardware, *, attention: str, calibrations: Sequence[Known] = ()) -> Ground:
    """The device's own values where it was measured here, else those of the hardware table."""
    ratio = band(case.run.kernel, cuda=case.run.cuda)
    plain = Ground(
        constant_bytes=CONSTANT_BYTES, constant_source=CONSTANT_SOURCE, ratio=ratio, context_gib=device.context_gib
    )
    key = (device.id, attention, quantisation_of(case.run.technique))
    found = [
        one for one in calibrations
        if (one.device, one.calibration.attention, one.calibration.quantisation) == key
    ]  # fmt: skip
    if not found:
        return plain
    newest = max(found, key=lambda one: (one.current, one.calibration.measured_at))
    if not newest.current:
        return msgspec.structs.replace(plain, outdated=newest)
    fitted = newest.calibration
    return Ground(
        constant_bytes=round(fitted.constant_mib * MIB),
        constant_source=f"measured on this machine: {newest.file}",
        ratio=Band(fitted.reserved_p50, fitted.reserved_p90) if _ratios(fitted.rows) else ratio,
        context_gib=fitted.context_mib * MIB / GIB,
        known=newest,
    )


def is_comparable(known: Known, allocated_gib: float) -> bool:
    """Whether what was measured is large enough to vouch for a run of this size."""
    return _largest_gib(known) >= COMPARABLE * allocated_gib


def calibrated_by(known: Known) -> dict[str, object]:
    """What an estimate says of the calibration that it rests on; its id covers this."""
    one = known.calibration
    return {
        "file": known.file, "measured_on": one.measured_at[:10], "torch": one.torch, "transformers": one.transformers,
        "context_mib": one.context_mib, "constant_mib": one.constant_mib, "rows": len(one.rows),
    }  # fmt: skip


def calibration_notes(ground: Ground, *, allocated_gib: float) -> list[str]:
    """In words, whether this machine's own measurements are in the figures, and whether they vouch for them."""
    if (used := ground.known) is not None:
        day = used.calibration.measured_at[:10]
        text = f"Calibrated by measurements of {used.device} on this machine ({used.file}, {day})."
        if is_comparable(used, allocated_gib):
            return [text]
        small = f"The largest run measured there allocated {_largest_gib(used):.3f} GiB, less than a tenth of this one"
        return [text, f"{small}: it does not validate this estimate. Measure a larger one: --measure."]
    if (old := ground.outdated) is not None:
        one = old.calibration
        libraries = f"torch {one.torch} and transformers {one.transformers}"
        text = f"{old.device} was measured with {libraries} ({old.file}); others are installed now, so it is left out."
        return [f"{text} Measure again: --measure."]
    return []


def fitted(rows: Sequence[Row], *, published: Band) -> tuple[float, float, Band]:
    """(context MiB, constant MiB, reserved over allocated) of measured rows.

    The context is the largest seen, the constant the median. The band's middle is the median ratio of the runs that
    are large enough to tell; its upper end is the largest ratio seen, and no nearer to the middle than in the published
    rows: a few steps of one shape show less spread than a run.
    """
    constants = [row.constant_mib for row in rows if row.constant_mib is not None]
    ratios = _ratios(rows)
    if not ratios:
        return max(row.context_mib for row in rows), _median(constants), published
    middle = _median(ratios)
    upper = max(*ratios, middle * published.p90 / published.p50)
    ratio = Band(round(middle, 4), round(upper, 4))
    return max(row.context_mib for row in rows), round(_median(constants), 3), ratio


def _ratios(rows: Sequence[Row]) -> list[float]:
    return [
        row.reserved_mib / row.allocated_mib
        for row in rows
        if row.reserved_mib and row.allocated_mib >= TELLS_RESERVED_MIB
    ]


def _largest_gib(known: Known) -> float:
    return max((row.allocated_mib for row in known.calibration.rows), default=0.0) * MIB / GIB


def _median(values: Sequence[float]) -> float:
    """As `statistics.median`, whose import costs more than an estimate."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
