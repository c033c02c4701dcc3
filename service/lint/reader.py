"""Reads a dataset line by line, whatever its packing: plain, gzip, zstandard, a file or a stream."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from service.errors import TuneGateError
from service.lint.gate import gate

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BUFFER_BYTES = 1 << 20
# UTF-32 first: its little-endian mark begins with UTF-16's
_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]


class Source:
    """One open input: its lines, and after them its size, hash and byte-order mark (of the unpacked bytes)."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self.bytes = 0
        self.bom: str | None = None
        self.encoding = "utf-8"
        self.crlf = 0
        self._digest = hashlib.sha256()
        self._stream = _unpacked(stream, name)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """(byte offset, line without its end, held back by the gate) of every line; a UTF-8 mark is left out."""
        try:
            for block in self._blocks():
                yield from self._lines_of(block)
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise TuneGateError(
                "unreadable_path", f"{self.name}: the packed data breaks off or is damaged ({type(error).__name__})."
            ) from error

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, about a megabyte of them at a time."""
        rest: list[bytes] = []
        while block := self._stream.read(_BUFFER_BYTES):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield b"".join([*rest, block[:cut]])
                rest = [block[cut:]]
            else:
                rest.append(block)
        last = b"".join(rest)
        if last:
            yield last

    def _lines_of(self, block: bytes) -> Iterator[tuple[int, bytes, bool]]:
        start = self.bytes
        self._digest.update(block)
        self.bytes += len(block)
        if not start:
            self._look(block)
        if self.encoding != "utf-8":
            return
        found = gate(block)
        places = [*(found or ()), len(block) + 1]
        next_place, position = 0, 0
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            end = position + len(line)
            held = found is None or places[next_place] <= end
            while places[next_place] <= end:
                next_place += 1
            offset, shown = start + position, line
            position = end + 1
            if not offset and self.bom == "utf-8":
                offset, shown = 3, line[3:]
            if shown.endswith(b"\r"):
                # the last line may end with a lone carriage return, which is no line end
                self.crlf += position <= len(block)
                shown = shown[:-1]
            yield offset, shown, held

    def _look(self, head: bytes) -> None:
        self.bom = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
        if self.bom is not None:
            self.encoding = self.bom
        elif head[:2] == b"{\x00":
            self.encoding = "utf-16-le"
        elif head[:2] == b"\x00{":
            self.encoding = "utf-16-be"


def open_source(path: Path, shown_as: str) -> tuple[BinaryIO, Source]:
    """Open a file.

    Raises:
        TuneGateError: `unreadable_path`.
    """
    try:
        if path.is_dir():
            raise TuneGateError("unreadable_path", f"{shown_as}: a folder.", remedy="Name the files in it.")
        handle = path.open("rb", buffering=_BUFFER_BYTES)
    except OSError as error:
        raise TuneGateError(
            "unreadable_path", f"{shown_as}: {error.strerror}.", remedy="Name a readable file."
        ) from error
    return handle, Source(handle, shown_as)


def _unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    head = buffered.peek(4)[:4]
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if head == _ZSTD:
        try:
            import zstandard
        except ImportError as error:
            raise TuneGateError("missing_extra", f"{name}: zstandard is not installed.") from error
        packed = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
        return io.BufferedReader(packed, _BUFFER_BYTES)
    return buffered
