"""Reads one TOML rule file into typed rows: every mistake of the file at once, each by the id of its row."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec

from service.errors import ErrorItem, suggestion

T = TypeVar("T", bound=msgspec.Struct)
_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def parse(file: str, content: bytes, errors: list[ErrorItem]) -> dict[str, Any]:
    """The file as plain data; an empty table, and what is wrong in `errors`, when it is no TOML."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        errors.append(ErrorItem(file, f"byte {error.start} is not UTF-8", "UTF-8", "Save the file as UTF-8."))
        return {}
    try:
        return dict(msgspec.toml.decode(text, type=dict[str, Any]))
    except (msgspec.DecodeError, ValueError) as error:
        errors.append(_syntax(file, text, str(error)))
        return {}


def _syntax(file: str, text: str, message: str) -> ErrorItem:
    """TOML's own messages name a place, not the mistake: say both."""
    found = _LINE.search(message)
    line = text.splitlines()[int(found[1]) - 1] if found and int(found[1]) <= len(text.splitlines()) else ""
    where = f"{file}: line {found[1]}" if found else file
    if "Cannot overwrite a value" in message:
        key = line.partition("=")[0].strip()
        return ErrorItem(where, f"{key or 'a key'} is given twice", "each key once", "Keep one of them.")
    before = text.splitlines()[max(0, int(found[1]) - 2)] if found else ""
    if any(part.count("{") > part.count("}") for part in (line, before)):
        return ErrorItem(where, "a table in braces that goes over several lines", "one line", "Or use [rule.when].")
    return ErrorItem(where, message, "TOML", None)


def rows(file: str, raw: Mapping[str, Any], key: str, errors: list[ErrorItem]) -> list[tuple[str, dict[str, Any]]]:
    """(label, row) of every `[[key]]`; the label is the id of the row where it has one."""
    listed = raw.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        errors.append(ErrorItem(f"{file}: {key}", type(listed).__name__, f"rows under [[{key}]]"))
        return []
    found = []
    for number, one in enumerate(listed, 1):
        name = one.get("id", one.get("name"))
        found.append((f"{file}: {name if isinstance(name, str) and name else f'{key} {number}'}", one))
    return found


def unknown_keys(file: str, raw: Mapping[str, Any], allowed: tuple[str, ...], errors: list[ErrorItem]) -> None:
    """A misspelt `[[rule]]` would otherwise silently be no rule."""
    errors += [
        ErrorItem(file, f"no section {name!r}", ", ".join(allowed), suggestion(name, allowed) or None)
        for name in raw
        if name not in allowed
    ]


def convert(where: str, row: Mapping[str, Any], type_: type[T], errors: list[ErrorItem]) -> T | None:
    """The row as a struct; None and one item per wrong, missing or unknown field."""
    hints = typing.get_type_hints(type_)
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    before = len(errors)
    for name in row:
        if name not in fields:
            hint = suggestion(name, fields)
            errors.append(ErrorItem(where, f"no field {name!r}", ", ".join(fields), hint or None))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in row:
            if field.required:
                errors.append(ErrorItem(where, f"{name!r} is missing", None, f"Every row here needs {name!r}."))
            continue
        try:
            # TOML has dates of its own: a quoted one is a mistake
            values[field.name] = msgspec.convert(row[name], hints[field.name], builtin_types=(date, datetime))
        except msgspec.ValidationError as error:
            errors.append(_wrong(where, name, row[name], hints[field.name], str(error)))
    return type_(**values) if len(errors) == before else None


def _wrong(where: str, name: str, value: Any, wanted: Any, message: str) -> ErrorItem:
    if wanted is date:
        remedy = "Remove the quotes." if isinstance(value, str) else "Write the date only, without a time."
        return ErrorItem(where, f"{name} = {_shown(value)}", "a date such as 2027-06-30", remedy)
    choices = [str(one) for one in typing.get_args(wanted)] if typing.get_origin(wanted) is typing.Literal else []
    if choices:
        return ErrorItem(
            where, f"{name} = {_shown(value)}", ", ".join(choices), suggestion(str(value), choices) or None
        )
    return ErrorItem(where, f"{name} = {_shown(value)}", message.partition(" - at ")[0], None)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, datetime):
        return value.isoformat()
    return type(value).__name__ if isinstance(value, dict | list) else str(value)
