"""machines: the Azure machines of the rules, read without the rest of the knowledge, which takes longer."""

from __future__ import annotations

import tomllib
from functools import lru_cache

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.estimate.hardware import Hardware
from service.estimate.smallest import Machine

FILE = "azure-machines.toml"
_SOURCES = "sources.toml"
_PRICES = "azure-prices"


class AzureMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine to rent; a price that was not found is null."""

    id: str
    gpu: str
    gpus: int
    vram_gb: float
    vcpu: int
    ram_gib: int
    usd_per_hour: float | None = None
    usd_per_hour_spot: float | None = None
    region: str | None = None
    kaito: bool = False
    device: str | None = None
    note: str | None = None


class _Entry(msgspec.Struct, frozen=True):
    name: str
    details: dict[str, object]
    cite: list[str] = []


class _File(msgspec.Struct, frozen=True):
    entry: list[_Entry]


class _Source(msgspec.Struct, frozen=True):
    where: str
    checked: str | None = None


def azure_machines(rules: RuleFiles) -> list[AzureMachine]:
    """Every Azure machine of the rules.

    Raises:
        TuneGateError: `invalid_rules`.

    """
    return [machine for machine, _ in _read(rules)]


def judged_machines(rules: RuleFiles, devices: list[Hardware]) -> list[Machine]:
    """The machines with one of the devices; a machine whose GPU has no row in the table of devices cannot be judged."""
    by_id = {device.id: device for device in devices}
    source = _price_source(rules)
    return [
        Machine(
            id=one.id,
            device=by_id[one.device],
            gpus=one.gpus,
            ram_gib=one.ram_gib,
            usd_per_hour=one.usd_per_hour,
            source=source if one.usd_per_hour is not None and _PRICES in cite else None,
        )
        for one, cite in _read(rules)
        if one.device in by_id
    ]


def unjudged_machines(rules: RuleFiles, below: float | None) -> list[str]:
    """The machines without a row for their GPU that cost less than `below` USD per hour (None: whatever they cost)."""
    return [
        one.id
        for one, _ in _read(rules)
        if one.device is None and one.usd_per_hour is not None and (below is None or one.usd_per_hour < below)
    ]


@lru_cache(maxsize=4)
def _read(rules: RuleFiles) -> tuple[tuple[AzureMachine, tuple[str, ...]], ...]:
    """Every machine with the keys of its sources."""
    try:
        rows = msgspec.convert(tomllib.loads(rules.read(FILE).decode()), _File).entry
        return tuple((msgspec.convert({"id": row.name, **row.details}, AzureMachine), tuple(row.cite)) for row in rows)
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


@lru_cache(maxsize=4)
def _price_source(rules: RuleFiles) -> str | None:
    """Where the prices are from, and how old they may be."""
    try:
        sources = msgspec.convert(tomllib.loads(rules.read(_SOURCES).decode()), dict[str, _Source])
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{_SOURCES}: {error}.") from error
    found = sources.get(_PRICES)
    return None if found is None else "; ".join(part for part in (found.where, found.checked) if part)
