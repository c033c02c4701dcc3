"""The rows of rules/kaito-presets.toml: which models KAITO can tune, and which of their modules take an adapter."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import PurePath

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

FILE = "kaito-presets.toml"


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset that can be tuned; `hub` is the model that it holds."""

    name: str
    hub: str
    target_modules: list[str]
    source: str
    as_of: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    preset: list[Preset]


def presets(rules: RuleFiles) -> tuple[Preset, ...]:
    """Every preset that we let through.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    return _rows(rules.read(FILE))


@lru_cache(maxsize=4)
def _rows(content: bytes) -> tuple[Preset, ...]:
    try:
        return tuple(msgspec.convert(tomllib.loads(content.decode()), _File).preset)
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


def preset_of(model: str, rows: tuple[Preset, ...]) -> Preset | None:
    """The preset of a model, by the last part of its name: a hub id, or a folder that is named like the model."""
    name = PurePath(model).name.casefold()
    return next((row for row in rows if name in {row.name.casefold(), PurePath(row.hub).name.casefold()}), None)
