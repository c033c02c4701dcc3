"""Everything that a finished job made, one by one: files, or what a service keeps."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.manifest import Chain


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a job made: a file with its path, or what a service keeps, by its id there."""

    kind: str
    id: str | None = None
    path: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    step: int | None = None
    metrics: dict[str, float] | None = None


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a finished job made, and the records that it rests on; `weights` says whether they come back."""

    schema: Literal["tunegate.artifacts/1"] = "tunegate.artifacts/1"
    job: str
    chain: Chain
    weights: Literal["exported", "not_exportable"]
    items: list[Piece]
