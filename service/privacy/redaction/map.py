"""The map of a redaction: what stood where, one line per changed row, between a first line and one with the sums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, TypeVar

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.privacy.redaction.lines import Change

SCHEMA: Literal["tunegate.redaction-map/1"] = "tunegate.redaction-map/1"
_DIGEST_BYTES = 16


class Content(msgspec.Struct, frozen=True):
    """An unpacked file: hash and size in bytes."""

    sha256: str
    bytes: int


class MapHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    schema: Literal["tunegate.redaction-map/1"]


class MapRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A changed row: its line from 1, a digest of the redacted line, and (byte in it, what stands there, what stood).

    Both texts are as JSON writes them.
    """

    line: int
    digest: str
    changes: list[tuple[int, str, str]]


class MapEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line: how many rows were changed, and the files before and after."""

    changed: int
    original: Content
    redacted: Content


Entry = TypeVar("Entry", MapHead, MapRow, MapEnd)


def digest_of(line: bytes) -> str:
    """What tells a redacted line from others."""
    return hashlib.sha256(line).hexdigest()[: 2 * _DIGEST_BYTES]


def digest_of_changes(row: MapRow) -> str:
    """What tells rows that held other values from one another."""
    return digest_of(msgspec.json.encode(row.changes))


class MapWriter:
    """Writes a map while rows are redacted."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._rows = 0
        self._write(MapHead(SCHEMA))

    def row(self, line: int, redacted: bytes, changes: Sequence[Change]) -> None:
        self._rows += 1
        self._write(MapRow(line, digest_of(redacted), [(one.start, one.new, one.old) for one in changes]))

    def end(self, original: Content, redacted: Content) -> None:
        self._write(MapEnd(self._rows, original, redacted))

    def _write(self, entry: msgspec.Struct) -> None:
        self._sink.write(msgspec.json.encode(entry) + b"\n")


class MapReader:
    """A map that is whole; `end` says of which files it is.

    Raises:
        TuneGateError: `invalid_input` for another thing and for a map that breaks off.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._decoded(file.readline(), MapHead, 1)
        last, rows = b"", 0
        for number, line in enumerate(file, 2):
            if last:
                self._decoded(last, MapRow, number - 1)
                rows += 1
            last = line
        self.end = self._decoded(last, MapEnd, rows + 2)
        if self.end.changed != rows:
            raise self._broken(rows + 2, f"{rows} changed rows, and a count of {self.end.changed}")

    def rows(self) -> Iterator[MapRow]:
        """The changed rows in their order."""
        for row, _ in self.placed_rows():
            yield row

    def placed_rows(self) -> Iterator[tuple[MapRow, int]]:
        """The changed rows, and where in the map they stand."""
        self._file.seek(0)
        place = len(self._file.readline())
        for number in range(2, self.end.changed + 2):
            line = self._file.readline()
            yield self._decoded(line, MapRow, number), place
            place += len(line)

    def row_at(self, place: int) -> MapRow:
        """The changed row that stands at a place in the map."""
        self._file.seek(place)
        return self._decoded(self._file.readline(), MapRow, 0)

    def _decoded(self, line: bytes, kind: type[Entry], number: int) -> Entry:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._broken(number, "not what the map of a redaction says there") from None

    def _broken(self, number: int, seen: str) -> TuneGateError:
        return TuneGateError(
            "invalid_input",
            f"{self._name}: not a map of a redaction, or it breaks off.",
            remedy="Give the file that --map wrote, as it was written.",
            errors=[ErrorItem(f"{self._name}:{number}", seen, "the lines of `tunegate redact --map`")],
        )
