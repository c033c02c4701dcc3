"""Parquet for the engine: every row as one line of JSON, never more than a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from service.packing import BUFFER_BYTES
from service.parquet import read_parquet


def parquet_lines(path: Path, shown_as: str) -> BinaryIO:
    """The rows of a file as JSON lines; line n is row n.

    Raises:
        TuneGateError: `missing_extra`; `unreadable_path`, also while it is read.
    """
    return cast("BinaryIO", _Lines(read_parquet(path, shown_as).rows))


class _Lines(io.RawIOBase):
    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        super().__init__()
        self._rows = rows
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def readable(self) -> bool:
        return True

    def read(self, size: int = BUFFER_BYTES) -> bytes:
        """At least `size` bytes of whole lines; fewer at the end."""
        lines: list[bytes] = []
        gathered = 0
        while gathered < size and (row := next(self._rows, None)) is not None:
            line = self._encode(row) + b"\n"
            lines.append(line)
            gathered += len(line)
        return b"".join(lines)
