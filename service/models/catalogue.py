"""The model catalogue (rules/models.toml): configurations of published models with their source."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.models.architecture import read_architecture
from service.models.parameters import parameters

FILE = "models.toml"


class CatalogueModel(msgspec.Struct, frozen=True, kw_only=True):
    """One published model. `config` uses config.json names, with those of `nulls` set to null."""

    id: str
    config: dict[str, Any]
    source: str
    hub: str | None = None
    params: int | None = None
    params_published: bool = False
    note: str | None = None
    nulls: list[str] = []

    @property
    def family(self) -> str:
        return str(self.config.get("model_type", ""))


class _File(msgspec.Struct, frozen=True):
    model: list[CatalogueModel]


def catalogue(rules: RuleFiles) -> dict[str, CatalogueModel]:
    """Every row by id.

    Raises:
        TuneGateError: `invalid_rules` when the file is broken or an id stands twice.

    """
    return dict(_rows(rules.read(FILE)))


@lru_cache(maxsize=4)
def _rows(content: bytes) -> dict[str, CatalogueModel]:
    # most processes that estimate know a model by its id, and these rows are the longest of the rules
    try:
        rows = msgspec.convert(tomllib.loads(content.decode()), _File).model
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error
    twice = sorted({row.id for row in rows if sum(row.id == other.id for other in rows) > 1})
    if twice:
        raise TuneGateError("invalid_rules", f"{FILE}: id {', '.join(twice)} stands more than once.")
    return {row.id: _with_nulls(row) for row in rows}


def _with_nulls(row: CatalogueModel) -> CatalogueModel:
    """TOML has no null."""
    return msgspec.structs.replace(row, config=row.config | dict.fromkeys(row.nulls)) if row.nulls else row


def count_parameters(config: dict[str, Any], *, where: str) -> int | None:
    """P by the formula, or None for a family without one."""
    try:
        return parameters(read_architecture(config, where=where))
    except TuneGateError as error:
        if error.code != "unsupported_family":
            raise
        return None
