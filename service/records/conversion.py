"""What a conversion read, wrote, left out and could not convert; never the text."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ReadFile(msgspec.Struct, frozen=True):
    """One input; `path` is "-" for stdin, hash and size are of the unpacked bytes."""

    path: str
    sha256: str
    bytes: int
    rows: int


class WrittenFile(msgspec.Struct, frozen=True):
    path: str
    sha256: str
    bytes: int
    rows: int


class BadRow(msgspec.Struct, frozen=True):
    """A row that was not converted; `line` is the number of the record where a format has no lines."""

    path: str
    line: int
    pointer: str | None
    why: str


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """`output` is null when nothing was written; `bad` lists at most 20 rows per reason, `bad_counts` counts all.

    `shapes` counts rows by the dialect they were written in, `left_out` rows by the keys that have no place in what
    is written, `mappings` are the columns by role that each input was read with. The id is over the hashes,
    options and counts.
    """

    schema: Literal["tunegate.conversion/1"] = "tunegate.conversion/1"
    id: str
    to: str
    options: dict[str, Any]
    inputs: list[ReadFile]
    output: WrittenFile | None
    shapes: dict[str, int]
    mappings: dict[str, list[dict[str, str]]]
    left_out: dict[str, int]
    blank_rows: int
    bad_rows: int
    bad_counts: dict[str, int]
    bad: list[BadRow]
