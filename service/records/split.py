"""What a split made of a dataset: parts, groups, classes, and what was not looked at; never the text."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.conversion import ReadFile
from service.records.lint_report import NotScanned


class Part(msgspec.Struct, frozen=True):
    """One written file; `share` is of all rows, `asked_rows` is null for the training data, which gets the rest."""

    name: str
    path: str
    sha256: str
    bytes: int
    rows: int
    groups: int
    share: float
    asked_rows: int | None


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a split; its id is over the hashes of inputs and parts and the options.

    `labels` are the sizes of the classes by part, the largest first, when the answers are few and short: the split is
    then even over them.
    """

    schema: Literal["tunegate.split/1"] = "tunegate.split/1"
    id: str
    options: dict[str, Any]
    inputs: list[ReadFile]
    parts: list[Part]
    rows: int
    blank_rows: int
    duplicates: int
    groups: int
    largest_group: int
    stratified: bool
    labels: list[dict[str, int]]
    warnings: list[str]
    not_considered: list[NotScanned]
