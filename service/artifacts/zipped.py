"""Streams a run folder as a zip without holding it in memory or on disk a second time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from service.artifacts.listing import run_files

_CHUNK_BYTES = 1 << 20


class _Sink(io.RawIOBase):
    """A write-only, unseekable file whose bytes are taken out as they arrive."""

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        taken = bytes(data)
        self._pending.append(taken)
        return len(taken)

    def take(self) -> bytes:
        taken = b"".join(self._pending)
        self._pending.clear()
        return taken


def zip_stream(out: Path) -> Iterator[bytes]:
    """The artifact as zip bytes, sorted and with fixed times; weights do not compress, so all is stored."""
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w") as archive:
        for path in run_files(out):
            member = zipfile.ZipInfo(path.relative_to(out).as_posix())
            member.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()
