"""A target's settings from its table of the targets file and from the environment, all that is wrong at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.settings import Settings

S = TypeVar("S")
_SHOWN = 80


class Shape(msgspec.Struct, frozen=True):
    """What a value must look like, in a pattern and in words."""

    pattern: str
    said: str


# what Azure's targets name alike
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SUBSCRIPTION = Shape(_UUID, "a subscription's id, 8-4-4-4-12 hex digits")
GROUP = Shape(r"[A-Za-z0-9][A-Za-z0-9_.()-]{0,89}", "a resource group's name")
WORKSPACE = Shape(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}", "a workspace's name, 3 to 33 letters, digits, - and _")
REGION = Shape(r"[a-z][a-z0-9]{2,39}", "a region's short name, such as swedencentral")
EXPERIMENT = Shape(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", "letters, digits, - and _")


def configured(
    kind: type[S],
    target: str,
    given: tuple[tuple[str, str], ...],
    settings: Settings,
    *,
    shapes: Mapping[str, Shape],
    ranges: Mapping[str, tuple[float, float]],
) -> S:
    """The settings of a target, the environment (`given`) before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    fields = {field.name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    values = _from_file(target, settings.targets_file) | dict(given)
    errors = [
        ErrorItem(place(target, name), "an unknown name", ", ".join(fields), suggestion(name, fields) or None)
        for name in values
        if name not in fields
    ]
    for name, field in fields.items():
        if name in values:
            whole = field.type is int
            errors += _wrong(place(target, name), values[name], shapes.get(name), ranges.get(name), whole=whole)
        elif field.required:
            errors.append(ErrorItem(place(target, name), "nothing", shapes[name].said))
    require_none(target, errors, settings)
    return msgspec.convert(values, kind, strict=False)


def require_none(target: str, errors: list[ErrorItem], settings: Settings) -> None:
    """Refuse settings that something is wrong with.

    Raises:
        TuneGateError: `target_not_configured`.
    """
    if errors:
        raise TuneGateError(
            "target_not_configured",
            f"Target {target}: {len(errors)} setting(s) are missing or unusable.",
            remedy=f"Set them in [{target}] of {settings.targets_file}, or as {_variable(target, 'name')}.",
            errors=errors,
        )


def place(target: str, name: str) -> str:
    """Where a value is set, in both spellings."""
    return f"{target}.{name} ({_variable(target, name)})"


def _variable(target: str, name: str) -> str:
    return f"TUNEGATE_{target.replace('-', '_').upper()}_{name.upper()}"


def _from_file(target: str, path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise TuneGateError("target_not_configured", f"{path}: {why}.", remedy="It is a TOML file.") from error
    table = tables.get(target, {})
    if not isinstance(table, Mapping):
        raise TuneGateError("target_not_configured", f"{path}: {target} is no table.", remedy=f"Begin it: [{target}]")
    return dict(table)


def _wrong(
    where: str, value: object, shape: Shape | None, limits: tuple[float, float] | None, *, whole: bool
) -> list[ErrorItem]:
    shown = str(value)[:_SHOWN]
    if shape is not None:
        fits = isinstance(value, str) and re.fullmatch(shape.pattern, value) is not None
        return [] if fits else [ErrorItem(where, shown, shape.said)]
    if limits is None:
        return []
    try:
        number = int(str(value)) if whole else float(str(value))
    except ValueError:
        number = float("nan")
    low, high = limits
    return [] if low <= number <= high else [ErrorItem(where, shown, f"{low:g} to {high:g}")]
