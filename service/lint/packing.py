"""Opens what a dataset comes in: a plain file, gzip or zstandard, told by its first bytes and not by its name."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO, cast

from service.errors import TuneGateError

BUFFER_BYTES = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# deflate packs at most 1032 to 1 and text about 4 to 1; what goes beyond this is made to fill a disk
_MOST_TIMES, _FROM_BYTES = 300, 256 << 20


def open_file(path: Path, shown_as: str) -> BinaryIO:
    """A file, open for reading.

    Raises:
        TuneGateError: `unreadable_path`.
    """
    try:
        if path.is_dir():
            raise TuneGateError("unreadable_path", f"{shown_as}: a folder.", remedy="Name the files in it.")
        return path.open("rb", buffering=BUFFER_BYTES)
    except OSError as error:
        raise TuneGateError(
            "unreadable_path", f"{shown_as}: {error.strerror}.", remedy="Name a readable file."
        ) from error


def is_packed(head: bytes) -> bool:
    """Whether the first bytes are those of a packing."""
    return head.startswith((_GZIP, _ZSTD))


def unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    """The bytes inside; a stream that is not packed is given back.

    Raises:
        TuneGateError: `missing_extra`; when read, `unreadable_path` for what unpacks to hundreds of times its size.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    head = buffered.peek(4)[:4]
    if not is_packed(head):
        return buffered
    counted = _Counted(buffered)
    if head.startswith(_GZIP):
        return cast("BinaryIO", _Guarded(cast("BinaryIO", gzip.GzipFile(fileobj=counted)), counted, name))
    try:
        import zstandard
    except ImportError as error:
        raise TuneGateError("missing_extra", f"{name}: zstandard is not installed.") from error
    packed = zstandard.ZstdDecompressor().stream_reader(cast("BinaryIO", counted), read_across_frames=True)
    return cast("BinaryIO", _Guarded(cast("BinaryIO", packed), counted, name))


class _Counted(io.RawIOBase):
    """Counts the packed bytes that were read."""

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        self._inner = inner
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        found = self._inner.read(size)
        self.bytes += len(found)
        return found

    def readable(self) -> bool:
        return True


class _Guarded:
    """Stops at packed data that would fill a disk."""

    def __init__(self, inner: BinaryIO, packed: _Counted, name: str) -> None:
        self._inner = inner
        self._packed = packed
        self._name = name
        self._bytes = 0

    def read(self, size: int) -> bytes:
        try:
            found = self._inner.read(size)
        except Exception as error:
            # gzip, zlib and zstandard each raise their own, without a common ancestor
            raise TuneGateError(
                "unreadable_path",
                f"{self._name}: the packed data breaks off or is damaged ({type(error).__name__}).",
                remedy="Pack the file again, or lint the plain file.",
            ) from error
        self._bytes += len(found)
        if self._bytes > _FROM_BYTES and self._bytes > _MOST_TIMES * self._packed.bytes:
            raise TuneGateError(
                "unreadable_path",
                f"{self._name}: {self._packed.bytes} packed bytes unpack to more than {_MOST_TIMES} times as many.",
                remedy="This looks made to fill a disk. If it is meant, unpack it and lint the plain file.",
            )
        return found
