"""Streams a run folder as a zip without holding it in memory or on disk a second time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from service.artifacts.listing import run_files
from service.records.identity import digest
from service.records.manifest import Manifest

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


def zip_stream(out: Path, first: int = 0, count: int | None = None) -> Iterator[bytes]:
    """The artifact as zip bytes from one on, sorted and with fixed times; weights do not compress, so all is stored.

    What lies before is read all the same: its checksums stand at the end.
    """
    left = zip_length(out) - first if count is None else count
    for piece in _zip_pieces(out):
        skipped = min(first, len(piece))
        first -= skipped
        if taken := piece[skipped : skipped + left]:
            left -= len(taken)
            yield taken
        if not left:
            return


def zip_length(out: Path) -> int:
    """Bytes of that zip, from the sizes of its files (APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16)."""
    offset = directory = members = 0
    for path in run_files(out):
        name, size = len(path.relative_to(out).as_posix().encode()), path.stat().st_size
        wide = 2 * (size > zipfile.ZIP64_LIMIT) + (offset > zipfile.ZIP64_LIMIT)
        directory += 46 + name + (4 + 8 * wide if wide else 0)
        # a header with the extra field of large files, the bytes, and what is known after them
        offset += 30 + name + 20 + size + 24
        members += 1
    large = members > zipfile.ZIP_FILECOUNT_LIMIT or max(offset, directory) > zipfile.ZIP64_LIMIT
    return offset + directory + 22 + (76 if large else 0)


def zip_tag(out: Path, manifest: Manifest) -> str:
    """Changes with the bytes of that zip: the manifest's id, and what of the folder it does not name."""
    named = {file.path for file in manifest.files}
    rest = []
    for path in run_files(out):
        if (name := path.relative_to(out).as_posix()) not in named:
            seen = path.stat()
            rest.append([name, seen.st_size, seen.st_mtime_ns])
    return digest([manifest.id, rest])


def _zip_pieces(out: Path) -> Iterator[bytes]:
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
