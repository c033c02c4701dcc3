"""Reads a dataset in blocks of whole lines, and knows its size, hash and encoding afterwards."""

from __future__ import annotations

import codecs
import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO, NamedTuple

from service.lint.gate import gate
from service.packing import BUFFER_BYTES

# a longer line is no row of any target; its beginning is looked at, the rest is passed over
LONGEST_LINE = 32 << 20
# UTF-32 first: its little-endian mark begins with UTF-16's
_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
_UTF8_MARK_BYTES = 3


class Block(NamedTuple):
    """Lines without their ends; `offsets` are where they begin, `held` what the gate saw in a line, by its index;
    None where nobody could look.
    """

    lines: list[bytes]
    offsets: list[int]
    held: dict[int, frozenset[int]] | None


class Encoding(NamedTuple):
    """`mark` is the byte-order mark's encoding, or None."""

    mark: str | None
    name: str


def encoding_of(head: bytes) -> Encoding:
    """The encoding by the first bytes."""
    mark = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if mark is not None:
        return Encoding(mark, mark)
    if head[:2] == b"{\x00":
        return Encoding(None, "utf-16-le")
    return Encoding(None, "utf-16-be" if head[:2] == b"\x00{" else "utf-8")


class Reader:
    """A stretch of an input: its blocks, and after them its size and hash (of the unpacked bytes).

    A stretch that begins at `start` > 0 begins with a line; one with an `end` ends after a line's end.
    """

    def __init__(
        self, stream: BinaryIO, *, start: int = 0, end: int | None = None, hashed: bool = True, gated: bool = True
    ) -> None:
        self.bytes = 0
        self.crlf = 0
        self.encoding = Encoding(None, "utf-8")
        self._stream = stream
        self._start = start
        self._gated = gated
        self._left = None if end is None else end - start
        self._digest = hashlib.sha256() if hashed else None

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest() if self._digest else ""

    def blocks(self) -> Iterator[Block]:
        """Whole lines, about a megabyte of them at a time; a UTF-8 mark at the start is left out."""
        for chunk, passed_over in self._chunks():
            offset = self._start + self.bytes
            self.bytes += len(chunk) + passed_over
            if not offset:
                self.encoding = encoding_of(chunk)
            if self.encoding.name == "utf-8":
                yield self._block(chunk, offset)

    def _chunks(self) -> Iterator[tuple[bytes, int]]:
        """(whole lines, bytes passed over at their end)."""
        rest: list[bytes] = []
        size = passed_over = 0
        while piece := self._read():
            cut = piece.rfind(b"\n") + 1
            if passed_over and cut:
                # the long line ends here
                first = piece.find(b"\n") + 1
                yield b"".join(rest), passed_over + first
                piece, cut = piece[first:], cut - first
                rest, size, passed_over = [], 0, 0
            if cut:
                yield b"".join([*rest, piece[:cut]]), 0
                rest, size = [piece[cut:]], len(piece) - cut
            elif size > LONGEST_LINE:
                passed_over += len(piece)
            else:
                rest.append(piece)
                size += len(piece)
        last = b"".join(rest)
        if last:
            yield last, passed_over

    def _read(self) -> bytes:
        wanted = BUFFER_BYTES if self._left is None else min(BUFFER_BYTES, self._left)
        piece = self._stream.read(wanted)
        if self._left is not None:
            self._left -= len(piece)
        if self._digest is not None:
            self._digest.update(piece)
        return piece

    def _block(self, chunk: bytes, offset: int) -> Block:
        lines = chunk.split(b"\n")
        ends = list(accumulate(map(len, lines), lambda end, length: end + length + 1, initial=-1))
        offsets = [offset + end + 1 for end in ends[:-1]]
        if not lines[-1]:
            lines.pop()
        held = _by_line(gate(chunk), ends) if self._gated else None
        if not offset and self.encoding.mark == "utf-8":
            lines[0] = lines[0][_UTF8_MARK_BYTES:]
            offsets[0] = _UTF8_MARK_BYTES
        if b"\r" in chunk:
            self._without_carriage_returns(lines, complete=chunk.endswith(b"\n"))
        return Block(lines, offsets, held)

    def _without_carriage_returns(self, lines: list[bytes], *, complete: bool) -> None:
        for i, line in enumerate(lines):
            if line.endswith(b"\r"):
                lines[i] = line[:-1]
                # the last line may end with a lone carriage return, which is no line end
                self.crlf += complete or i < len(lines) - 1


def _by_line(found: list[tuple[int, int]] | None, ends: list[int]) -> dict[int, frozenset[int]] | None:
    """What the gate saw by line index; `ends[i]` is the place of the end of the line before line i."""
    if found is None:
        return None
    held: dict[int, set[int]] = {}
    for place, family in found:
        held.setdefault(bisect_left(ends, place) - 1, set()).add(family)
    return {index: frozenset(families) for index, families in held.items()}
