"""Reads a table that a person wrote (TOML, or an object of a row): its keys, their types, and every error at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion

_NAMES = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}
_MOST_SHOWN = 100
_LONGEST_KEY = 40


class Given:
    """One table; what is wrong with it is added to `errors`, and never holds a value."""

    def __init__(self, data: dict[str, Any], where: str, errors: list[ErrorItem]) -> None:
        self.data, self.where, self.errors = data, where, errors
        self._read: set[str] = set()

    def wrong(self, key: str, seen: str, allowed: str | None = None, remedy: str | None = None) -> None:
        """Note an error of one key."""
        self.errors.append(ErrorItem(self.at(key), seen, allowed, remedy))

    def at(self, key: str) -> str:
        """Where a key stands, as messages say it."""
        return f"{self.where}: {key}" if self.where else key

    def text(self, key: str, default: str | None = None, *, asked: bool = False) -> str | None:
        """A text that is not blank, or the default."""
        value = self._typed(key, (str,), str, asked=asked)
        if value is not None and not value.strip():
            self.wrong(key, "an empty text", "a text")
            return default
        return default if value is None else value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A truth value."""
        value = self._typed(key, (bool,), bool)
        return default if value is None else bool(value)

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number of a range."""
        value = self._typed(key, (int,), int)
        if value is None:
            return default
        if not least <= value <= most:
            self.wrong(key, str(value), f"a whole number from {least} to {most}")
            return default
        return int(value)

    def number(self, key: str, default: float | None, *, least: float, most: float) -> float | None:
        """A number of a range."""
        value = self._typed(key, (int, float), float)
        if value is None:
            return default
        if not least <= value <= most:
            self.wrong(key, f"{value:g}", f"a number from {least:g} to {most:g}")
            return default
        return float(value)

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        value = self._typed(key, (list,), list)
        if value is None or all(isinstance(one, str) for one in value):
            return list(value or [])
        self.wrong(key, "a list of other things", "a list of strings")
        return []

    def table(self, key: str) -> dict[str, Any] | None:
        """A table as it is."""
        self._read.add(key)
        value = self.data.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.wrong(key, _kind(value), "a table")
        return None

    def tables(self, key: str) -> list[Given]:
        """The tables of [[key]], each to be read and closed in its turn."""
        self._read.add(key)
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.wrong(key, _kind(value), f"tables, each under [[{key}]]")
            return []
        return [Given(one, f"{self.at(key)}[{n}]", self.errors) for n, one in enumerate(value, 1)]

    def inner(self, key: str) -> Given | None:
        """The table of [key], to be read and closed in its turn."""
        found = self.table(key)
        return None if found is None else Given(found, self.at(key), self.errors)

    def known(self, *keys: str) -> None:
        """Keys that are read elsewhere."""
        self._read.update(keys)

    def close(self) -> None:
        """Every key that nobody read is an error."""
        for key in self.data:
            if key not in self._read:
                hint = suggestion(key, self._read)
                self.wrong(_shown(key), "an unknown key", ", ".join(sorted(self._read)), hint or None)

    def _typed(self, key: str, kinds: tuple[type, ...], name: type, *, asked: bool = False) -> Any:
        self._read.add(key)
        value = self.data.get(key)
        if value is None:
            if asked:
                self.wrong(key, "nothing", _NAMES[name])
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.wrong(key, _kind(value), _NAMES[name])
            return None
        return value


def read_toml(path: Path, errors: list[ErrorItem]) -> Given | None:
    """A TOML file as a table; None, with the error noted, where it is none."""
    try:
        content = msgspec.toml.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        errors.append(ErrorItem(str(path), error.strerror, "a TOML file"))
        return None
    except (msgspec.DecodeError, ValueError):
        # the decoder's words may quote the file
        errors.append(ErrorItem(str(path), "not TOML", "a TOML file"))
        return None
    return Given(content, str(path), errors)


def refuse(errors: Sequence[ErrorItem], what: str, remedy: str = "") -> None:
    """Raise what was noted, all of it at once; of very many, the first hundred.

    Raises:
        TuneGateError: `invalid_input`.

    """
    if not errors:
        return
    more = f" The first {_MOST_SHOWN} are shown." if len(errors) > _MOST_SHOWN else ""
    raise TuneGateError(
        "invalid_input",
        f"{len(errors)} error(s) in {what}.{more}",
        remedy=remedy,
        errors=list(errors[:_MOST_SHOWN]),
    )


def _kind(value: Any) -> str:
    kinds = {dict: "a table", type(None): "nothing", **_NAMES}
    return kinds.get(type(value), "something else")


def _shown(key: str) -> str:
    """A key of a table by name; one that is no plain word may be text, and is not repeated."""
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isalnum() and plain.isascii() and len(key) <= _LONGEST_KEY else "?"
