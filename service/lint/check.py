"""What a check is, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

Scope = Literal["file", "line", "row", "corpus", "split"]
Fix = Literal["safe", "unsafe", "none"]
COLUMNS = ("azure-openai", "openai", "azure-serverless", "trl")


class Hit(msgspec.Struct, frozen=True):
    """Where inside a row (JSON Pointer) and what was seen: role, type, length, count; never the text."""

    message: str
    pointer: str | None = None
    line: int | None = None


class Line(msgspec.Struct, frozen=True):
    """A line that is not plainly a clean row; `error` is why it is not JSON, `data` what it holds if it is."""

    raw: bytes
    number: int
    data: Any
    error: str | None
    last: bool = False


class Row(msgspec.Struct, frozen=True):
    """A decoded row for a target: `strict` = roles must alternate, `arguments` = what tool arguments must be."""

    data: dict[str, Any]
    strict: bool = False
    arguments: str = "string"

    @property
    def messages(self) -> list[tuple[int, dict[str, Any]]]:
        """(index, message) of every message that is an object."""
        found = self.data.get("messages")
        return [(i, m) for i, m in enumerate(found) if isinstance(m, dict)] if isinstance(found, list) else []

    @property
    def turns(self) -> list[tuple[int, dict[str, Any]]]:
        """Messages without the system's."""
        return [(i, m) for i, m in self.messages if m.get("role") not in {"system", "developer"}]


class FileFacts(msgspec.Struct, frozen=True):
    """What is known of a whole file; `bom` is the byte-order mark's encoding or null."""

    name: str
    bytes: int
    rows: int
    bom: str | None
    encoding: str
    limits: dict[str, int]
    bom_policy: str


class CorpusFacts(msgspec.Struct, frozen=True):
    """What is known of all training rows together; lines are of the first file unless the path says otherwise."""

    rows: int
    valid: int
    shapes: dict[str, int]
    duplicates: list[tuple[str, int, int]]
    without_system: int
    limits: dict[str, int]


class SplitFacts(msgspec.Struct, frozen=True):
    """Training against validation data: overlapping validation lines, and whether both are one file."""

    has_validation: bool
    same_file: bool
    same_rows: list[tuple[str, int]]
    same_prompts: list[tuple[str, int]]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `severity` holds a letter (E W I -) per column of COLUMNS; `find` depends on the scope."""

    code: str
    scope: Scope
    severity: str
    find: Callable[[Any], Iterator[Hit]]
    fix: Fix = "none"
    fallback: bool = False


def kind(value: object) -> str:
    """The JSON type of a value, for messages."""
    names = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return "null" if value is None else names.get(type(value), "value")
