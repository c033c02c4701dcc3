"""Opens what is to be mended: unpacks it, tells its encoding, and cuts it into lines that keep their ends."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from service.errors import TuneGateError
from service.lint.reader import encoding_of
from service.packing import BUFFER_BYTES, unpacked, zstandard_library
from service.parquet import MAGIC


class Piece:
    """One line: `number` counts from 1 in what was read, `end` is its line end, `plain` a row with nothing to mend.

    `groups` are those that the row was of before it was mended, as (key, hash of the value).
    """

    __slots__ = ("end", "groups", "number", "plain", "raw")

    def __init__(self, number: int, raw: bytes, end: bytes = b"\n", *, plain: bool = False) -> None:
        self.number = number
        self.raw = raw
        self.end = end
        self.plain = plain
        self.groups: tuple[tuple[str, int], ...] = ()


def unpacked_lines(stream: BinaryIO, name: str) -> io.BufferedReader:
    """The stream without its packing.

    Raises:
        TuneGateError: `invalid_input` for Parquet, which has no lines; as `service.packing.unpacked`.
    """
    found = unpacked(stream, name)
    if found.peek(len(MAGIC)).startswith(MAGIC):
        raise TuneGateError(
            "invalid_input", f"{name}: Parquet has no lines to mend.", remedy="Convert it to .jsonl first."
        )
    return found


@contextmanager
def packing(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """A stream that packs as the name's suffix says; the given one stays open."""
    if name.endswith(".gz"):
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as zipped:
            yield cast("BinaryIO", zipped)
    elif name.endswith(".zst"):
        with zstandard_library().ZstdCompressor().stream_writer(stream, closefd=False) as zipped:
            yield zipped
    else:
        yield stream


def wide_encoding(stream: io.BufferedReader) -> str | None:
    """The two- or four-byte encoding that the stream begins with, or None."""
    name = encoding_of(stream.peek(4)[:4]).name
    return None if name == "utf-8" else name


def as_utf8(stream: io.BufferedReader, encoding: str) -> io.BufferedReader:
    """The stream in UTF-8, without its byte-order mark; what is no character becomes U+FFFD."""
    return _buffered(_Transcoded(stream, encoding))


def lines(stream: Iterable[bytes], *, start: int = 1) -> Iterator[Piece]:
    """Every line; the last one may have no end."""
    for number, line in enumerate(stream, start):
        if line.endswith(b"\r\n"):
            yield Piece(number, line[:-2], b"\r\n")
        elif line.endswith(b"\n"):
            yield Piece(number, line[:-1])
        else:
            yield Piece(number, line, b"")


class _Transcoded(io.RawIOBase):
    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decode: Callable[[bytes], str] = codecs.getincrementaldecoder(encoding)("replace").decode
        self._rest = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._rest:
            block = self._stream.read(BUFFER_BYTES)
            if not block:
                return 0  # half a character at the end is no character
            text = self._decode(block)
            self._rest = (text if self._begun else text.removeprefix("\ufeff")).encode()
            self._begun = self._begun or bool(text)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _buffered(stream: object) -> io.BufferedReader:
    return (
        stream
        if isinstance(stream, io.BufferedReader)
        else io.BufferedReader(cast("io.RawIOBase", stream), BUFFER_BYTES)
    )
