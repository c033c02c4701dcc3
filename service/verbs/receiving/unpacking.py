"""Unpacks a body while it arrives: its content coding, and the packing of the file in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from service.errors import TuneGateError
from service.packing import DamagedError, Gzip, Plain, Unpacker, Zstandard, packing_of

# what RFC 9659 lets a sender assume; `zstd` needs more from level 20 on
_WINDOW_BYTES = 1 << 23
_HEAD_BYTES = 4


def _zstandard() -> Unpacker:
    return Zstandard(_WINDOW_BYTES)


CODINGS: dict[str, Callable[[], Unpacker]] = {
    "identity": Plain, "gzip": Gzip, "x-gzip": Gzip, "zstd": _zstandard,
}  # fmt: skip


class Body:
    """The bytes of a file out of those of a body: the content coding undone, then the packing of the file itself."""

    def __init__(self, coding: str | None) -> None:
        name = "identity" if coding is None else coding.strip().lower()
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
        for piece in _undamaged(self._coding, data):
            if self._file is not None:
                yield from _undamaged(self._file, piece)
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
        packing = packing_of(head)
        self._file = Plain() if packing is None else _zstandard() if packing is Zstandard else packing()
        yield from _undamaged(self._file, head)


def _undamaged(unpacker: Unpacker, data: bytes) -> Iterator[bytes]:
    try:
        yield from unpacker.feed(data)
    except DamagedError as error:
        raise _damaged(unpacker.title) from error


def _damaged(title: str) -> TuneGateError:
    return TuneGateError(
        "invalid_input",
        f"The {title} data of the body breaks off or is damaged.",
        remedy="Pack it again (zstd up to level 19, whose window every receiver takes), or send it unpacked.",
    )
