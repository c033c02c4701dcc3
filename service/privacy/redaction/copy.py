"""Copies a dataset without what is found in it: a stream in, lines out, whatever its size."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from service.errors import TuneGateError
from service.packing import BUFFER_BYTES
from service.parquet import MAGIC
from service.privacy.redaction.lines import Line, Unreadable, check_line, redacted_line
from service.privacy.redaction.map import MapWriter
from service.privacy.redaction.row import Redactor

# a longer line is no row of any target
LONGEST_LINE = 32 << 20
_BLOCK_BYTES, _BLOCK_PARTS = 1 << 18, 256
_MOST_LISTED = 20
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, b"{\0", b"\0{")


class UnreadableRow(NamedTuple):
    """A line whose texts cannot be told."""

    line: int
    why: str


class Copier:
    """Copies one file; afterwards it knows what was done, and which rows could not be read (at most 20 are listed).

    `wrote` is told of every line that is given, with its number in what was read.
    """

    def __init__(self, redactor: Redactor, wrote: Callable[[int, bytes], None] = lambda *_: None) -> None:
        self._redactor, self._wrote = redactor, wrote
        self.rows = 0
        self.changed_rows = 0
        self.counts: Counter[str] = Counter()
        self.unreadable: list[UnreadableRow] = []
        self.unreadable_rows = 0

    def blocks(self, stream: io.BufferedReader, name: str, written: MapWriter | None = None) -> Iterator[bytes]:
        """The redacted content of an unpacked stream, some lines at a time. Once a row cannot be read nothing more is
        given: the other rows are only looked at for being readable.

        Raises:
            TuneGateError: `invalid_input` for Parquet and for encodings other than UTF-8.
        """
        mark = _mark(stream, name)
        block, size = [mark], 0
        for number, (raw, end) in enumerate(lines(stream, LONGEST_LINE), 1):
            line = self._copied(number, raw, written)
            block += (line, end)
            size += len(line)
            if size > _BLOCK_BYTES or len(block) > _BLOCK_PARTS:
                yield b"".join(block)
                block, size = [], 0
        yield b"".join(block)

    def _copied(self, number: int, raw: bytes, written: MapWriter | None) -> bytes:
        self.rows += bool(raw.strip())
        try:
            line = self._redacted(raw)
        except Unreadable as reason:
            self.unreadable_rows += 1
            if len(self.unreadable) < _MOST_LISTED:
                self.unreadable.append(UnreadableRow(number, str(reason)))
            return b""
        self.counts += line.counts
        self.changed_rows += bool(line.changes)
        if line.changes and written is not None:
            written.row(number, line.raw, line.changes)
        self._wrote(number, line.raw)
        return line.raw

    def _redacted(self, raw: bytes) -> Line:
        if len(raw) > LONGEST_LINE:
            raise Unreadable(f"longer than {LONGEST_LINE >> 20} MiB")
        if not self.unreadable_rows:
            return redacted_line(raw, self._redactor)
        check_line(raw)
        return Line(b"", [], Counter())


def lines(stream: io.BufferedReader, most: int = -1) -> Iterator[tuple[bytes, bytes]]:
    """Every line and its end; of a line of more than `most` bytes only the first ones and a byte more."""
    while line := stream.readline(most + 1 if most >= 0 else -1):
        if len(line) == most + 1 and not line.endswith(b"\n"):
            while (rest := stream.readline(BUFFER_BYTES)) and not rest.endswith(b"\n"):
                pass
        body = line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line
        yield body, line[len(body) :]


def _mark(stream: io.BufferedReader, name: str) -> bytes:
    """Takes the byte-order mark from the stream."""
    head = stream.peek(4)[:4]
    if head == MAGIC:
        raise TuneGateError(
            "invalid_input", f"{name}: Parquet has no lines to redact.",
            remedy="Write it as .jsonl first: tunegate convert.",
        )  # fmt: skip
    if head.startswith(_WIDE):
        raise TuneGateError(
            "invalid_input", f"{name}: the text is UTF-16 or UTF-32.",
            remedy="Write it as UTF-8 first: tunegate lint --fix.",
        )  # fmt: skip
    return stream.read(3) if head.startswith(codecs.BOM_UTF8) else b""
