"""The Azure machines of the rules."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

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
