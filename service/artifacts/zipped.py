"""Streams a run folder as a zip without holding it in memory or on disk a second time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from service.artifacts.bundle import run_files

_CHUNK_BYTES = 1 << 20


class _Sink:
    """A write-only, unseekable file whose bytes are taken out as they arrive."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pending.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._pending)
        self._pending.clear()
        return taken


def zip_stream(out: Path) -> Iterator[bytes]:
    """The artifact as zip bytes, sorted and with fixed times; weights do not compress, so all is stored."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for path in run_files(out):
            member = zipfile.ZipInfo(path.relative_to(out).as_posix())
            member.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()
