"""Undoes what a dataset is packed in, gzip or zstandard, told by its first bytes and not by its name.

The library's readers take data that breaks off for data that ends, or raise what only they know; here both are one
error, and what would fill a disk is stopped.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from service.errors import TuneGateError

BUFFER_BYTES = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# a piece of zstandard grows at most 32 768 times (a block of 128 KiB in 4 bytes), so this bounds what one call gives
_PIECE_BYTES = 1 << 10
_STEP_BYTES = 1 << 20
_PACKED_BYTES = 1 << 16
# what `zstd --ultra --long=27` writes, the most that its own command takes without being told
_WINDOW_BYTES = 1 << 27
# text packs about 4 to 1, rows that are all alike 200 to 1; what goes beyond this is made to fill a disk
_MOST_TIMES, _FROM_BYTES = 1_000, 256 << 20


class DamagedError(ValueError):
    """Packed data that is no such data, or breaks off."""


class Unpacker(Protocol):
    """Takes pieces, gives the bytes that are ready; `complete` says whether the data may end here.

    Raises:
        DamagedError: by `feed`.
    """

    title: str

    @property
    def complete(self) -> bool: ...
    def feed(self, data: bytes) -> Iterator[bytes]: ...


class Gzip:
    """gzip, also of several members and with zeros behind the last one."""

    title = "gzip"

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def complete(self) -> bool:
        return self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _PIECE_BYTES):
            yield from self._piece(data[start : start + _PIECE_BYTES])

    def _piece(self, piece: bytes) -> Iterator[bytes]:
        more = bool(piece)
        while more:
            if self._member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                self._member = zlib.decompressobj(wbits=31)
            try:
                ready = self._member.decompress(piece, _STEP_BYTES)
            except zlib.error as error:
                raise DamagedError from error
            yield ready
            piece = self._member.unused_data or self._member.unconsumed_tail
            # a full step may have more behind it although its input is used up
            more = bool(piece) or (len(ready) == _STEP_BYTES and not self._member.eof)


def zstandard_library() -> Any:
    """The library, which is not installed with every Python.

    Raises:
        TuneGateError: `missing_extra`.
    """
    try:
        import zstandard
    except ImportError as error:
        raise TuneGateError("missing_extra", "zstandard is not installed.", remedy="pip install zstandard") from error
    return zstandard


class Zstandard:
    """Zstandard, also of several frames; frames of a larger window than `window` bytes are refused."""

    title = "zstd"

    def __init__(self, window: int = _WINDOW_BYTES) -> None:
        zstandard = zstandard_library()
        self._error = zstandard.ZstdError
        self._context = zstandard.ZstdDecompressor(max_window_size=window)
        self._frame: Any = self._context.decompressobj()

    @property
    def complete(self) -> bool:
        return bool(self._frame.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        position = 0
        while position < len(data):
            if self._frame.eof:
                self._frame = self._context.decompressobj()
            piece = data[position : position + _PIECE_BYTES]
            try:
                ready = self._frame.decompress(piece)
            except self._error as error:
                raise DamagedError from error
            yield ready
            position += len(piece) - (len(self._frame.unused_data) if self._frame.eof else 0)


class Plain:
    """Bytes as they are."""

    title = "plain"
    complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


def packing_of(head: bytes) -> type[Gzip | Zstandard] | None:
    """How data that begins with these bytes is packed; None = not at all."""
    if head.startswith(_GZIP):
        return Gzip
    return Zstandard if head.startswith(_ZSTD) else None


def unpacked(stream: BinaryIO, name: str) -> io.BufferedReader:
    """The bytes inside, with `peek`.

    Raises:
        TuneGateError: `missing_extra`; while it is read, `unreadable_path` for data that is damaged, breaks off or
            unpacks to hundreds of times its size.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    packing = packing_of(buffered.peek(len(_ZSTD))[: len(_ZSTD)])
    if packing is None:
        return buffered
    return io.BufferedReader(_Unpacked(buffered, packing(), name), BUFFER_BYTES)


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


def watched(stream: BinaryIO, seen: Callable[[int], object]) -> BinaryIO:
    """The stream, with `seen` told how many bytes each read gave."""
    return io.BufferedReader(_Watched(stream, seen), BUFFER_BYTES)


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """A temporary file with all that a stream holds, for those who must read twice or jump."""
    import shutil
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="tunegate-") as handle:
        shutil.copyfileobj(stream, handle, BUFFER_BYTES)
        handle.flush()
        yield Path(handle.name)


class _Watched(io.RawIOBase):
    def __init__(self, stream: BinaryIO, seen: Callable[[int], object]) -> None:
        super().__init__()
        self._stream = stream
        self._seen = seen

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._seen(len(block))
        return len(block)


class _Unpacked(io.RawIOBase):
    def __init__(self, packed: io.BufferedReader, unpacker: Unpacker, name: str) -> None:
        super().__init__()
        self._packed = packed
        self._unpacker = unpacker
        self._name = name
        self._pieces = self._all()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        block, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)

    def _all(self) -> Iterator[bytes]:
        read = given = 0
        try:
            while packed := self._packed.read(_PACKED_BYTES):
                read += len(packed)
                for piece in self._unpacker.feed(packed):
                    given += len(piece)
                    if given > max(_FROM_BYTES, _MOST_TIMES * read):
                        raise self._too_much(read)
                    yield piece
        except DamagedError as error:
            raise self._damaged() from error
        if not self._unpacker.complete:
            raise self._damaged()

    def _damaged(self) -> TuneGateError:
        return TuneGateError(
            "unreadable_path",
            f"{self._name}: the {self._unpacker.title} data breaks off or is damaged.",
            remedy="Pack the file again.",
        )

    def _too_much(self, read: int) -> TuneGateError:
        return TuneGateError(
            "unreadable_path",
            f"{self._name}: {read} packed bytes unpack to more than {_MOST_TIMES} times as many.",
            remedy="This looks made to fill a disk. If it is meant, unpack it and name the plain file.",
        )
