"""The hardware table (rules/hardware.toml): what one process can have on each device."""

from __future__ import annotations

import datetime as dt
import os
import tomllib
from functools import lru_cache
from typing import Literal

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.estimate.notation import GIB

FILE = "hardware.toml"
# bf16 arithmetic begins with Ampere (CUDA C++ programming guide, compute capabilities)
_BF16 = 8.0


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of device; `capacity_gib` is null for the cpu row, whose RAM is read when asked.

    `tflops_16bit` is the dense peak of 16-bit matrix products, null where no source says it.
    """

    id: str
    kind: Literal["cuda", "cpu"]
    bf16: bool
    context_gib: float
    context_verified: bool
    validated: bool
    source: str
    as_of: dt.date
    capacity_gib: float | None = None
    capability: float = 0.0
    tflops_16bit: float | None = None
    tflops_source: str | None = None
    # what nvidia-smi and torch.cuda call it, and where these names are listed
    reported_as: list[str] = []
    reported_source: str | None = None

    @property
    def is_cpu(self) -> bool:
        return self.kind == "cpu"


class _File(msgspec.Struct, frozen=True):
    hardware: list[Hardware]


# stands for "some recent GPU" where none is named: the fused kernels run, the context is on the safe side
ANY_GPU = Hardware(
    id="any-gpu", kind="cuda", bf16=True, context_gib=0.6, context_verified=False, validated=False,
    source="assumed", as_of=dt.date(2026, 11, 21), capability=8.0,
)  # fmt: skip


def hardware_table(rules: RuleFiles) -> dict[str, Hardware]:
    """Every row by id, the cpu row with this machine's RAM.

    Raises:
        TuneGateError: `invalid_rules`.

    """
    return {
        row.id: msgspec.structs.replace(row, capacity_gib=ram_gib()) if row.capacity_gib is None else row
        for row in _rows(rules.read(FILE))
    }


def reported_row(name: str, table: dict[str, Hardware]) -> Hardware | None:
    """The row of a device as its driver reports it; names are compared whole, for one word more is another device."""
    wanted = name.strip().casefold()
    rows = (row for row in table.values() if wanted in {one.casefold() for one in row.reported_as})
    return next(rows, None)


def own_row(name: str, *, capacity_gib: float, capability: float) -> Hardware:
    """A row for a GPU that the table does not have, made of what it reports itself; the context on the safe side."""
    return msgspec.structs.replace(
        ANY_GPU, id=name, capacity_gib=round(capacity_gib, 6), capability=capability, bf16=capability >= _BF16,
        source="reported by its driver on this machine", reported_as=[name],
    )  # fmt: skip


@lru_cache(maxsize=4)
def _rows(content: bytes) -> tuple[Hardware, ...]:
    try:
        return tuple(msgspec.convert(tomllib.loads(content.decode()), _File).hardware)
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


def chosen(names: list[str], table: dict[str, Hardware]) -> tuple[list[Hardware], list[ErrorItem]]:
    """The named rows (all when none is named) and an item per unknown name."""
    errors = [
        ErrorItem("gpu", name, ", ".join(table), suggestion(name, table) or None) for name in names if name not in table
    ]
    rows = [table[name] for name in dict.fromkeys(names) if name in table] if names else list(table.values())
    return rows, errors


def ram_gib() -> float:
    """Physical memory of this machine."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 6)
    import psutil

    return round(float(psutil.virtual_memory().total) / GIB, 6)
