"""Unpacks a body while it arrives: gzip or zstandard, piece by piece, never more than a few megabytes at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from service.errors import TuneGateError

# a piece of zstandard grows at most 32 768 times (a block of 128 KiB in 4 bytes), so this bounds what one call gives
_PIECE_BYTES = 1 << 10
_STEP_BYTES = 1 << 20
# what RFC 9659 lets a sender assume; `zstd` needs more from level 20 on
_WINDOW_BYTES = 1 << 23
_HEAD_BYTES = 4


class Unpacker(Protocol):
    """Takes pieces, gives the bytes that are ready; `complete` says whether the data may end here."""

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
                raise _damaged(self.title) from error
            yield ready
            piece = self._member.unused_data or self._member.unconsumed_tail
            # a full step may have more behind it although its input is used up
            more = bool(piece) or (len(ready) == _STEP_BYTES and not self._member.eof)


class Zstandard:
    """Zstandard, also of several frames."""

    title = "zstd"

    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._context = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
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
                raise _damaged(self.title) from error
            yield ready
            position += len(piece) - (len(self._frame.unused_data) if self._frame.eof else 0)


class Plain:
    """Bytes as they are."""

    title = "plain"
    complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


CODINGS: dict[str, type[Unpacker]] = {
    "identity": Plain, "gzip": Gzip, "x-gzip": Gzip, "zstd": Zstandard,
}  # fmt: skip


class Body:
    """The bytes of a file out of those of a body: the content coding undone, then the packing of the file itself."""

    def __init__(self, coding: str | None) -> None:
        name = (coding or "identity").strip().lower()
        if name not in CODINGS:
            raise TuneGateError(
                "unsupported_body",
                f"Content-Encoding {name[:40]!r} is not understood here.",
                remedy=f"Send one of {', '.join(CODINGS)}, or the file as it is.",
            )
        self._coding = CODINGS[name]()
        self._file: Unpacker | None = None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpacked pieces, each of them small enough to hold.

        Raises:
            TuneGateError: `invalid_input` where the packed data is damaged.
        """
        for piece in self._coding.feed(data):
            if self._file is not None:
                yield from self._file.feed(piece)
                continue
            self._head += piece
            if len(self._head) >= _HEAD_BYTES:
                yield from self._begin()

    def finish(self) -> Iterator[bytes]:
        """What is left when the body has ended.

        Raises:
            TuneGateError: `invalid_input` where packed data breaks off.
        """
        if not self._coding.complete:
            raise _damaged(self._coding.title)
        if self._file is None:
            yield from self._begin()
        if self._file is not None and not self._file.complete:
            raise _damaged(self._file.title)

    def _begin(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        self._file = (packing_of(head) or Plain)()
        yield from self._file.feed(head)


def packing_of(head: bytes) -> type[Unpacker] | None:
    """How a file that begins with these bytes is packed; None = not at all."""
    if head.startswith(b"\x1f\x8b"):
        return Gzip
    return Zstandard if head.startswith(b"\x28\xb5\x2f\xfd") else None


def _damaged(title: str) -> TuneGateError:
    return TuneGateError(
        "invalid_input",
        f"The {title} data of the body breaks off or is damaged.",
        remedy="Pack it again (zstd up to level 19, whose window every receiver takes), or send it unpacked.",
    )
