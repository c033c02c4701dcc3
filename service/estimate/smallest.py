"""The smallest machine that holds a run, on one of its GPUs or else sharded over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

import msgspec

from service.estimate.hardware import Hardware
from service.estimate.notation import QUANTISED
from service.estimate.reserve import DIGITS
from service.records.estimate import Cheapest, Estimate, Fit, Place, Sharding, Verdict

# (GPUs used, ZeRO stage)
Layout = tuple[int, int]
_SHARDED = (2, 3)
# a 4-bit base is loaded whole onto each device, and packing is tried on the whole model: no stage 3
# (service/launch/parallel.py refuses both)
_SHARDED_WHOLE = (2,)
SHARDINGS: tuple[Sharding, ...] = ("none", "zero1", "zero2", "zero3")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine to rent with GPUs of one kind; the price is the whole machine's, in USD per hour."""

    id: str
    device: Hardware
    gpus: int
    ram_gib: float
    usd_per_hour: float | None
    source: str | None

    @property
    def size(self) -> tuple[float, int, str]:
        """What "smaller" compares: the price, where there is one, then the GPUs."""
        return (inf if self.usd_per_hour is None else self.usd_per_hour, self.gpus, self.id)


Judge = Callable[[Machine, Layout], Fit | None]


def smallest(
    machines: Iterable[Machine], judge: Judge, *, layouts: Sequence[Callable[[Machine], Sequence[Layout]]]
) -> Place | None:
    """The first of the machines, by size, that holds the run in one of the first layouts; else one where it is tight.

    `layouts` are tried one after the other over all machines: the second counts only where the first fits nowhere.
    """
    ordered = sorted(machines, key=lambda one: one.size)
    wanted: Verdict
    for wanted in ("fits", "tight"):
        for layout_of in layouts:
            for place in _places(ordered, judge, layout_of):
                if place.verdict == wanted:
                    return place
    return None


def layouts_of(
    technique: str, *, gpus: int, stage: int, packing: bool = False
) -> list[Callable[[Machine], Sequence[Layout]]]:
    """One GPU, then all of them sharded; what was asked for, where several devices or ZeRO were."""
    if gpus > 1 or stage:
        return [lambda machine: [(gpus, stage)] if machine.gpus >= gpus else []]
    stages = _SHARDED_WHOLE if packing or technique in QUANTISED else _SHARDED
    return [lambda _: [(1, 0)], lambda machine: [(machine.gpus, one) for one in stages] if machine.gpus > 1 else []]


def cheapest(estimates: Sequence[Estimate]) -> Cheapest | None:
    """Of the techniques that fit the one at the lowest price per hour, then the one with the least memory."""
    found = [Cheapest(technique=one.technique, place=place) for one in estimates for place in _fitting(one)]
    return min(found, key=_cost, default=None)


def _cost(one: Cheapest) -> tuple[float, int, float]:
    place = one.place
    return (inf if place.usd_per_hour is None else place.usd_per_hour, place.gpus_used, place.total_p90_gib)


def _fitting(one: Estimate) -> Iterator[Place]:
    """Its smallest machine; and each named device that holds it, for whoever has one."""
    if one.smallest is not None and one.smallest.verdict == "fits":
        yield one.smallest
    if one.inputs.get("gpu") is not None:
        for fit in one.fits:
            if fit.verdict == "fits":
                yield _owned(one, fit)


def _owned(one: Estimate, fit: Fit) -> Place:
    stage = (one.inputs.get("zero") or {}).get("stage") or 0
    return Place(
        machine=None, gpu=fit.gpu, count=None, gpus_used=fit.count, sharding=SHARDINGS[stage],
        usd_per_hour=None, source=None, verdict="fits", total_p90_gib=_needs(fit),
    )  # fmt: skip


def _needs(fit: Fit) -> float:
    return round((fit.capacity_gib or 0.0) - fit.headroom_gib, DIGITS)


def _places(
    machines: Sequence[Machine], judge: Judge, layout_of: Callable[[Machine], Sequence[Layout]]
) -> Iterator[Place]:
    for machine in machines:
        for gpus, stage in layout_of(machine):
            fit = judge(machine, (gpus, stage))
            if fit is not None:
                yield Place(
                    machine=machine.id, gpu=machine.device.id, count=machine.gpus, gpus_used=gpus,
                    sharding=SHARDINGS[stage], usd_per_hour=machine.usd_per_hour, source=machine.source,
                    verdict=fit.verdict, total_p90_gib=_needs(fit),
                )  # fmt: skip
