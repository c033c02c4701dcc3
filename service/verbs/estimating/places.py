"""Where a run fits: the smallest Azure machine for each estimate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from service.data import RuleFiles
from service.estimate.hardware import Hardware
from service.estimate.record import Question, held_by
from service.estimate.smallest import Layout, Machine, layouts_of, smallest
from service.records.estimate import Estimate, Fit
from service.verbs.estimating.machines import judged_machines, known_machines, unjudged_machines


class Places:
    """The machines that have one of the devices that are judged."""

    def __init__(self, rules: RuleFiles, devices: Sequence[Hardware]) -> None:
        self._devices = list(devices)
        self._known, source = known_machines(rules)
        self._machines = judged_machines(self._known, self._devices, source=source)

    def all(self, made: Sequence[Estimate], asked: Sequence[Question] = ()) -> list[Estimate]:
        """The estimates with their smallest machines, or why there is none; `asked` are their questions, if any.

        Without the question nothing but the verdicts in the estimate is known: one GPU of each device, unsharded.
        """
        return [self._added(one, question) for one, question in zip_longest(made, asked)]

    def _added(self, made: Estimate, asked: Question | None) -> Estimate:
        if not self._machines:
            names = ", ".join(device.id for device in self._devices)
            return msgspec.structs.replace(made, no_smallest=f"no Azure machine of the rules has {names}")
        gpus, stage = made.inputs.get("gpus") or 1, (made.inputs.get("zero") or {}).get("stage") or 0
        layouts = layouts_of(made.technique, gpus=gpus, stage=stage, packing=bool(made.inputs.get("packing")))
        if asked is None:
            layouts = layouts[:1]
        place = smallest(self._machines, _Judge(made, asked), layouts=layouts)
        if place is not None and made.inputs.get("gpu") is None:
            place = msgspec.structs.replace(place, cheaper_unjudged=unjudged_machines(self._known, place.usd_per_hour))
        return msgspec.structs.replace(
            made, smallest=place, no_smallest=None if place else _why_none(gpus, stage, sharded=len(layouts) > 1)
        )


class _Judge:
    """Verdicts by device and layout, each worked out once; those in the estimate are known already."""

    def __init__(self, made: Estimate, asked: Question | None) -> None:
        self._asked = asked
        zero = made.inputs.get("zero") or {}
        # host memory differs from machine to machine, so verdicts that need it are worked out for each
        self._by_ram = bool(zero.get("offload_optimizer") or zero.get("offload_params"))
        reusable = asked is None or not self._by_ram
        stage = int(zero.get("stage") or 0)
        self._known: dict[tuple[str, Layout, float], Fit | None] = {
            (fit.gpu, (fit.count, stage), 0.0): fit for fit in made.fits if reusable
        }

    def __call__(self, machine: Machine, layout: Layout) -> Fit | None:
        key = (machine.device.id, layout, machine.ram_gib if self._by_ram else 0.0)
        if key not in self._known and self._asked is not None:
            gpus, stage = layout
            self._known[key] = held_by(self._asked, machine.device, gpus=gpus, stage=stage, ram_gib=machine.ram_gib)
        return self._known.get(key)


def _why_none(gpus: int, stage: int, *, sharded: bool) -> str:
    if gpus > 1 or stage:
        layout = f"{gpus} GPU(s)" + (f" with ZeRO stage {stage}" if stage else "")
        return f"no Azure machine of those judged holds it on {layout}"
    where = "on one GPU, or sharded over all of its GPUs" if sharded else "on one GPU; sharding: the formula tier"
    return f"no Azure machine of those judged holds it {where}"
