"""machines: those of the rules that have a device of the table, and those of which nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from service.data import RuleFiles
from service.estimate.hardware import Hardware
from service.estimate.machines import AzureMachine, azure_machines, price_source
from service.estimate.smallest import Machine


@lru_cache(maxsize=4)
def known_machines(rules: RuleFiles) -> tuple[list[AzureMachine], str]:
    """Every machine and where the prices are from, read once per rules: the two files take longer than an estimate."""
    return azure_machines(rules), price_source(rules)


def judged_machines(known: Sequence[AzureMachine], devices: Sequence[Hardware], *, source: str) -> list[Machine]:
    """The machines with one of the devices; `source` is where their prices are from."""
    by_id = {device.id: device for device in devices}
    return [
        Machine(
            id=one.id,
            device=by_id[one.device],
            gpus=one.gpus,
            ram_gib=one.ram_gib,
            usd_per_hour=one.usd_per_hour,
            source=None if one.usd_per_hour is None else source,
        )
        for one in known
        if one.device in by_id
    ]


def unjudged_machines(known: Sequence[AzureMachine], below: float | None) -> list[str]:
    """The machines without a row for their GPU that cost less than `below` USD per hour (None: whatever they cost)."""
    return [
        one.id
        for one in known
        if one.device is None and one.usd_per_hour is not None and (below is None or one.usd_per_hour < below)
    ]
