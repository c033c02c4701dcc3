"""Reads `[[name]]` rows of a TOML file into structs and knows the line of every field."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Iterator
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from service.errors import ErrorItem, suggestion

T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


class Row(Generic[T]):
    """One row: its value (None when it cannot be read) and where its fields stand."""

    def __init__(self, file: str, label: str, lines: dict[str, int]) -> None:
        self.value: T | None = None
        self._file, self._label, self._lines = file, label, lines

    def item(self, field: str, seen: str, allowed: str | None, remedy: str | None) -> ErrorItem:
        """A mistake at the line of a field, or of the row where it has no such field."""
        line = self._lines.get(field, self._lines[""])
        return ErrorItem(f"{self._file}:{line}: {self._label}", seen, allowed, remedy)


def read_rows(file: str, content: bytes, name: str, type_: type[T], errors: list[ErrorItem]) -> Iterator[Row[T]]:
    """Every row under `[[name]]`; what is wrong goes to `errors`."""
    try:
        text = content.decode()
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        errors.append(ErrorItem(file, f"byte {error.start} is not UTF-8", "UTF-8", "Save the file as UTF-8."))
        return
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = (place and place[1]) or len(text.splitlines())
        errors.append(ErrorItem(f"{file}:{line}", _PLACE.sub("", str(error)), "TOML"))
        return
    errors += [
        ErrorItem(file, f"no section {key!r}", f"[[{name}]]", suggestion(key, [name]) or None)
        for key in raw
        if key != name
    ]
    listed = raw.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        errors.append(ErrorItem(f"{file}: {name}", type(listed).__name__, f"rows under [[{name}]]"))
        return
    places = _lines(text, name)
    if len(places) != len(
        listed
    ):  # an inline list, or a header inside a text of several lines: the file alone is named
        places = [{"": 1}] * len(listed)
    for number, (one, lines) in enumerate(zip(listed, places, strict=True), 1):
        label = one.get("id")
        row: Row[T] = Row(file, label if isinstance(label, str) and label else f"{name} {number}", lines)
        row.value = _convert(row, one, type_, errors)
        yield row


def _lines(text: str, name: str) -> list[dict[str, int]]:
    """Field -> line for every row, "" for the row itself."""
    header = re.compile(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]")
    found: list[dict[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header.match(line):
            found.append({"": number})
        elif found and (key := re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line)):
            found[-1].setdefault(key[1], number)
    return found


def _convert(row: Row[T], raw: dict[str, Any], type_: type[T], errors: list[ErrorItem]) -> T | None:
    hints = typing.get_type_hints(type_)
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    before = len(errors)
    errors += [
        row.item(name, f"no field {name!r}", ", ".join(fields), suggestion(name, fields) or None)
        for name in raw
        if name not in fields
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                errors.append(row.item("", f"{name!r} is missing", None, f"Every row here needs {name!r}."))
            continue
        try:
            values[field.name] = msgspec.convert(raw[name], hints[field.name], builtin_types=(date,))
        except msgspec.ValidationError as error:
            kind = type(raw[name]).__name__
            errors.append(row.item(name, f"{name} is a {kind}", str(error).partition(" - at ")[0], None))
    return type_(**values) if len(errors) == before else None
