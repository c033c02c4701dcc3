"""Parquet for the engine: every row as one line of JSON, never more than a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from service.packing import BUFFER_BYTES
from service.parquet import Table, read_parquet


def parquet_lines(path: Path, shown_as: str, progress: Callable[[int], None] | None = None) -> BinaryIO:
    """The rows of a file as JSON lines; line n is row n. `progress` is given the file's bytes by the share of rows.

    Raises:
        TuneGateError: `missing_extra`; `unreadable_path`, also while it is read.
    """
    return cast("BinaryIO", _Lines(read_parquet(path, shown_as), path.stat().st_size, progress))


class _Lines(io.RawIOBase):
    def __init__(self, table: Table, size: int, progress: Callable[[int], None] | None) -> None:
        super().__init__()
        self._rows = table.rows
        self._row_bytes = size / (table.size or 1)
        self._progress = progress
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
        if self._progress is not None:
            self._progress(round(self._row_bytes * len(lines)))
        return b"".join(lines)
