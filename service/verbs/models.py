"""models and hardware: the catalogues behind an estimate, filterable."""

from __future__ import annotations

import msgspec

from service.data import RuleFiles
from service.estimate.hardware import Hardware, hardware_table
from service.models.catalogue import catalogue
from service.models.families import FAMILIES
from service.settings import Settings


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model that can be named as MODEL; `local` = a folder of this service holds it."""

    id: str
    family: str
    params: int | None
    estimable: bool
    local: bool
    hub: str | None = None
    source: str | None = None
    note: str | None = None


class HardwareRow(msgspec.Struct, frozen=True, kw_only=True):
    """One device of the table; `capacity_gib` is what one process can have."""

    id: str
    kind: str
    capacity_gib: float
    bf16: bool
    context_gib: float
    context_verified: bool
    validated: bool
    source: str
    as_of: str


def models(
    *,
    rules: RuleFiles,
    settings: Settings,
    family: str | None = None,
    query: str | None = None,
    max_params: int | None = None,
) -> list[ModelRow]:
    """Catalogue rows and local folders; `query` is part of the id, `family` a model_type."""
    rows = {
        row.id: ModelRow(
            id=row.id,
            family=row.family,
            params=row.params,
            estimable=row.family in FAMILIES,
            local=False,
            hub=row.hub,
            source=row.source,
            note=row.note,
        )
        for row in catalogue(rules).values()
    }
    rows |= {row.id: row for row in _local(settings)}
    return [
        row
        for row in rows.values()
        if (family is None or row.family == family)
        and (query is None or query.lower() in row.id.lower())
        and (max_params is None or (row.params is not None and row.params <= max_params))
    ]


def hardware(
    *,
    rules: RuleFiles,
    kind: str | None = None,
    query: str | None = None,
    min_capacity_gib: float | None = None,
) -> list[HardwareRow]:
    """The device table; `kind` is cuda or cpu."""
    return [
        _hardware_row(row)
        for row in hardware_table(rules).values()
        if (kind is None or row.kind == kind)
        and (query is None or query.lower() in row.id.lower())
        and (min_capacity_gib is None or (row.capacity_gib or 0.0) >= min_capacity_gib)
    ]


def _hardware_row(row: Hardware) -> HardwareRow:
    return HardwareRow(
        id=row.id,
        kind=row.kind,
        capacity_gib=row.capacity_gib or 0.0,
        bf16=row.bf16,
        context_gib=row.context_gib,
        context_verified=row.context_verified,
        validated=row.validated,
        source=row.source,
        as_of=row.as_of.isoformat(),
    )


def _local(settings: Settings) -> list[ModelRow]:
    from service.errors import TuneGateError
    from service.models.catalogue import count_parameters
    from service.models.folder import read_config

    rows = []
    for folder in sorted(settings.models.iterdir()) if settings.models.is_dir() else []:
        try:
            config = read_config(folder / "config.json")
            params = count_parameters(config, where=folder.name)
        except TuneGateError:
            continue  # an unreadable folder is reported when it is named, not in a list
        family = str(config.get("model_type", ""))
        rows.append(ModelRow(id=folder.name, family=family, params=params, estimable=params is not None, local=True))
    return rows
