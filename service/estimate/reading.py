"""Decodes one struct field by field, so that every unusable value is reported and not only the first."""

from __future__ import annotations

import typing
from types import UnionType
from typing import Any, Literal

import msgspec

from service.errors import ErrorItem, suggestion

_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "list",
}


def read_struct(raw: object, kind: type[msgspec.Struct], errors: list[ErrorItem], *, where: str = "") -> Any:
    """The struct, or None after adding to `errors` what is wrong."""
    if not isinstance(raw, dict):
        errors.append(ErrorItem(where or "inputs", _seen(raw), "an object"))
        return None
    before = len(errors)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    prefix = f"{where}." if where else ""
    for name in raw:
        if name not in fields:
            near = suggestion(str(name), fields) or None
            errors.append(ErrorItem(f"{prefix}{name}", "unknown field", ", ".join(fields), near))
    values = {}
    for name, field in fields.items():
        if name in raw:
            values[name] = _read_value(raw[name], hints[name], errors, where=f"{prefix}{name}")
        elif field.required:
            errors.append(ErrorItem(f"{prefix}{name}", "nothing", _allowed(hints[name])))
    return kind(**values) if len(errors) == before else None


def _read_value(raw: object, hint: Any, errors: list[ErrorItem], *, where: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint() if raw is None else read_struct(raw, hint, errors, where=where)
    try:
        return msgspec.convert(raw, hint)
    except msgspec.ValidationError:
        names = [str(name) for name in _choices(hint)]
        near = suggestion(raw, names) or None if isinstance(raw, str) else None
        errors.append(ErrorItem(where, _seen(raw), _allowed(hint), near))
        return None


def _choices(hint: Any) -> list[Any]:
    if typing.get_origin(hint) is Literal:
        return list(typing.get_args(hint))
    return [choice for part in _parts(hint) if part is not hint for choice in _choices(part)]


def _parts(hint: Any) -> list[Any]:
    return list(typing.get_args(hint)) if isinstance(hint, UnionType) or _is_union(hint) else [hint]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Union


def _allowed(hint: Any) -> str:
    choices = _choices(hint)
    if choices:
        return ", ".join(map(str, choices))
    words = [_word(part) for part in _parts(hint) if part is not type(None)]
    return " or ".join(words)


def _word(part: Any) -> str:
    return "a list of text" if part == list[str] else _NAMES.get(typing.get_origin(part) or part, "text")


def _seen(raw: object) -> str:
    if isinstance(raw, dict):
        return "an object"
    if isinstance(raw, list):
        return "a list"
    return "null" if raw is None else repr(raw)[:80]
