"""Puts back what a redaction took out: exactly in the file that it wrote, row by row in one that was edited since."""

from __future__ import annotations

import codecs
import io
import sqlite3
from collections.abc import Iterator
from typing import Self

from service.errors import TuneGateError
from service.privacy.redaction.copy import lines
from service.privacy.redaction.map import MapReader, MapRow, digest_of, digest_of_changes

_MOST_LISTED = 20


class SameFile:
    """Restores the very file that the redaction wrote."""

    def __init__(self, found: MapReader) -> None:
        self._rows = found.rows()

    def blocks(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """The content as it was.

        Raises:
            TuneGateError: `invalid_input` where the map does not fit the file that it names.
        """
        row = next(self._rows, None)
        for number, raw, end in _content(stream):
            if row is None or row.line != number:
                yield raw + end
                continue
            yield _restored(raw, row) + end
            row = next(self._rows, None)


class EditedFile:
    """Restores the rows that are as the redaction wrote them in a file that was changed since, wherever they stand.

    Rows that read alike may have held different values; which of them is which is told by their lines, and not at all
    once rows have moved. The index of the rows is on disk, holds no values, and is gone when this is closed.
    """

    def __init__(self, found: MapReader) -> None:
        self._map = found
        self._moved = False
        self._index = sqlite3.connect("")
        run = self._index.execute
        run("CREATE TABLE rows (line INTEGER, digest TEXT, meant TEXT, place INTEGER, placed INTEGER DEFAULT 0)")
        self._index.executemany(
            "INSERT INTO rows (line, digest, meant, place) VALUES (?, ?, ?, ?)",
            ((row.line, row.digest, digest_of_changes(row), place) for row, place in found.placed_rows()),
        )
        run("CREATE INDEX by_digest ON rows (digest, placed)")
        run("CREATE TABLE alike AS SELECT digest FROM rows GROUP BY digest HAVING COUNT(DISTINCT meant) > 1")
        run("CREATE INDEX alike_by_digest ON alike (digest)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._index.close()

    def look(self, stream: io.BufferedReader) -> None:
        """See whether rows have moved; for every stream before its blocks are asked for."""
        query = "SELECT MIN(line), MAX(line) FROM rows WHERE digest = ? AND digest NOT IN (SELECT digest FROM alike)"
        for number, raw, _ in _content(stream):
            first, last = self._index.execute(query, (digest_of(raw),)).fetchone()
            self._moved |= first is not None and not first <= number <= last

    def blocks(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """The content with every row restored that can be told."""
        for number, raw, end in _content(stream):
            row = self._row_of(number, digest_of(raw))
            yield (_restored(raw, row) if row else raw) + end

    def missing(self) -> tuple[int, list[int]]:
        """(how many rows were not restored, the lines of the first ones in the file as it was written)."""
        (count,) = self._index.execute("SELECT COUNT(*) FROM rows WHERE NOT placed").fetchone()
        found = self._index.execute("SELECT line FROM rows WHERE NOT placed ORDER BY line LIMIT ?", (_MOST_LISTED,))
        return count, [line for (line,) in found]

    def _row_of(self, line: int, digest: str) -> MapRow | None:
        run = self._index.execute
        if run("SELECT 1 FROM alike WHERE digest = ?", (digest,)).fetchone():
            if self._moved:
                return None
            which = "SELECT rowid, place FROM rows WHERE digest = ? AND NOT placed AND line = ?"
            found = run(which, (digest, line)).fetchone()
        else:
            found = run("SELECT rowid, place FROM rows WHERE digest = ? AND NOT placed LIMIT 1", (digest,)).fetchone()
        if found is None:
            return None
        run("UPDATE rows SET placed = 1 WHERE rowid = ?", (found[0],))
        return self._map.row_at(found[1])


def _content(stream: io.BufferedReader) -> Iterator[tuple[int, bytes, bytes]]:
    """Every line with its number and its end; the byte-order mark is no part of the first one."""
    for number, (raw, end) in enumerate(lines(stream), 1):
        if number == 1 and raw.startswith(codecs.BOM_UTF8):
            yield 0, b"", codecs.BOM_UTF8
            yield number, raw.removeprefix(codecs.BOM_UTF8), end
        else:
            yield number, raw, end


def _restored(raw: bytes, row: MapRow) -> bytes:
    pieces: list[bytes] = []
    end = 0
    for start, new, old in row.changes:
        written = new.encode()
        if start < end or raw[start : start + len(written)] != written:
            raise TuneGateError(
                "invalid_input",
                f"The map does not fit the row that was line {row.line}.",
                remedy="Give the map that was written together with this file.",
            )
        pieces += (raw[end:start], old.encode())
        end = start + len(written)
    return b"".join([*pieces, raw[end:]])
