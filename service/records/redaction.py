"""What a redaction took out of a dataset, and what a restoration put back; never a value."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.conversion import ReadFile, WrittenFile
from service.records.lint_report import NotScanned


class RedactedFile(msgspec.Struct, frozen=True):
    """One copy; `changed_rows` had something replaced, `map` is where the way back was written."""

    input: ReadFile
    output: WrittenFile
    changed_rows: int
    map: str | None = None


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` are replaced places by entity. The id is over the hashes of inputs and outputs, options and counts."""

    schema: Literal["tunegate.redaction/1"] = "tunegate.redaction/1"
    id: str
    options: dict[str, Any]
    files: list[RedactedFile]
    rows: int
    changed_rows: int
    counts: dict[str, int]
    not_scanned: list[NotScanned]


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """`exact` says that the output is byte for byte what was redacted.

    `missing_rows` of the map were not put back; `missing` are their lines in the redacted file as it was written, at
    most 20 of them.
    """

    schema: Literal["tunegate.restoration/1"] = "tunegate.restoration/1"
    id: str
    input: ReadFile
    output: WrittenFile
    map: str
    exact: bool
    restored_rows: int
    missing_rows: int
    missing: list[int]
