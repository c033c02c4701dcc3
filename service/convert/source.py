"""Opens one input, whatever its packing, and knows its size and hash (of the unpacked bytes) when it was read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from service.errors import TuneGateError
from service.packing import BUFFER_BYTES, open_file, unpacked


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
        self._stream = unpacked(stream, name)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        self._digest.update(block)
        self.bytes += len(block)
        buffer[: len(block)] = block
        return len(block)

    def drain(self) -> None:
        """Read what is left, so that size and hash are those of the whole input."""
        while self.read(BUFFER_BYTES):
            pass


def buffered(source: Source) -> io.BufferedReader:
    """The source with `peek` and fast lines."""
    return io.BufferedReader(source, BUFFER_BYTES)


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
    with open_file(path, name) as handle:
        yield Source(handle, name)
