"""What a run that was carried out elsewhere left there, so that whoever fetches it can tell whether all of it came."""

from __future__ import annotations

from typing import Literal

import msgspec


class TransferredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run left elsewhere; `path` is relative to the run folder."""

    path: str
    bytes: int
    sha256: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """transfer.json, written last by a run that was carried out elsewhere: all that it left, result.json with it."""

    schema: Literal["tunegate.transfer/1"] = "tunegate.transfer/1"
    plan: str
    files: list[TransferredFile]
