"""The Azure machines of the rules and what a run costs on them."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.estimate.money import dollars
from service.records.cost import MachinePrice, Range

FILE = "azure-machines.toml"
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


def azure_machines(rules: RuleFiles) -> list[AzureMachine]:
    """Every Azure machine of the rules.

    Raises:
        TuneGateError: `invalid_rules`.

    """
    try:
        entries = tomllib.loads(rules.read(FILE).decode()).get("entry", [])
        return [msgspec.convert({"id": entry["name"], **entry["details"]}, AzureMachine) for entry in entries]
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


def price_source(rules: RuleFiles) -> str:
    """Where the machines' prices come from, and how far to trust them."""
    row: dict[str, Any] = tomllib.loads(rules.read("sources.toml").decode()).get(_PRICES, {})
    return "; ".join(str(row[key]) for key in ("where", "checked") if key in row) or FILE


def machine_prices(
    machines: list[AzureMachine], *, device: str, count: int, hours: Range | None, source: str
) -> list[MachinePrice]:
    """Every machine with at least `count` of the device, the cheapest first, those without a price last."""
    fitting = [one for one in machines if one.device == device and one.gpus >= count]
    found = [_priced(one, hours, source) for one in fitting]
    return sorted(found, key=lambda one: (one.usd_per_hour is None, one.usd_per_hour or 0.0, one.machine))


def _priced(machine: AzureMachine, hours: Range | None, source: str) -> MachinePrice:
    price = machine.usd_per_hour
    reason = "no_price: none was found for this machine" if price is None else None
    if hours is None and reason is None:
        reason = "the hours are not known"
    return MachinePrice(
        machine=machine.id,
        gpus=machine.gpus,
        usd=None if price is None or hours is None else dollars(hours, price),
        usd_per_hour=price,
        region=machine.region,
        source=source,
        as_of=None,
        reason=reason,
    )
