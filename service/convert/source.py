"""Opens one input, whatever its packing, and knows its size and hash (of the unpacked bytes) when it was read."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from service.errors import TuneGateError

STDIN = "-"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BUFFER_BYTES = 1 << 20
# small, for so little can unpack to much
_PACKED_BYTES = 1 << 14


class Source(io.RawIOBase):
    """The unpacked bytes of one input.

    Raises, while it is read:
        TuneGateError: `unreadable_path` when the packed data is damaged.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self.name_shown = name
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._stream = _unpacked(stream, name)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._stream.read(len(buffer))
        except Exception as error:
            if not isinstance(error, EOFError | OSError | zlib.error) and type(error).__name__ != "ZstdError":
                raise
            raise TuneGateError(
                "unreadable_path", f"{self.name_shown}: the packed data breaks off or is damaged."
            ) from error
        self._digest.update(block)
        self.bytes += len(block)
        buffer[: len(block)] = block
        return len(block)

    def drain(self) -> None:
        """Read what is left, so that size and hash are those of the whole input."""
        while self.read(_BUFFER_BYTES):
            pass


def buffered(source: Source) -> io.BufferedReader:
    """The source with `peek` and fast lines."""
    return io.BufferedReader(source, _BUFFER_BYTES)


@contextmanager
def opened(path: Path | None, name: str, stdin: BinaryIO | None) -> Iterator[Source]:
    """Open a file, or the given stream where `path` is None.

    Raises:
        TuneGateError: `unreadable_path`, `invalid_input`.
    """
    if path is None:
        if stdin is None:
            raise TuneGateError("invalid_input", "No standard input to read.")
        yield Source(stdin, name)
        return
    try:
        if path.is_dir():
            raise TuneGateError("unreadable_path", f"{name}: a folder.", remedy="Name the files in it.")
        handle = path.open("rb", buffering=_BUFFER_BYTES)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{name}: {error.strerror}.", remedy="Name a readable file.") from error
    with handle:
        yield Source(handle, name)


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """A temporary file with all that a stream holds, for those who must read twice or jump."""
    with tempfile.NamedTemporaryFile(prefix="tunegate-") as handle:
        shutil.copyfileobj(stream, handle, _BUFFER_BYTES)
        handle.flush()
        yield Path(handle.name)


def _unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    peekable = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    head = peekable.peek(4)[:4]
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=peekable))
    if head != _ZSTD:
        return peekable
    try:
        import zstandard
    except ImportError as error:
        raise TuneGateError(
            "missing_extra", f"{name}: zstandard is not installed.", remedy="pip install zstandard"
        ) from error
    return cast("BinaryIO", _Frames(peekable, zstandard.ZstdDecompressor))


class _Frames(io.RawIOBase):
    """Zstandard frames one after the other; the library's own reader takes a frame that breaks off for the end."""

    def __init__(self, packed: BinaryIO, decompressor: Callable[[], Any]) -> None:
        super().__init__()
        self._packed = packed
        self._decompressor = decompressor
        self._frame: Any = None
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            ended = self._frame is None or self._frame.eof
            packed = (self._frame.unused_data if self._frame and ended else b"") or self._packed.read(_PACKED_BYTES)
            if not packed:
                if not ended:
                    raise EOFError
                return 0
            if ended:
                self._frame = self._decompressor().decompressobj()
            self._rest = memoryview(self._frame.decompress(packed))
        block, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)
