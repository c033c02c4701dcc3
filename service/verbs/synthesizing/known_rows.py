"""Finds rows that syntheses wrote by the hash of their line; what is known of one stays where it stands until asked."""

from __future__ import annotations

import hashlib
import io
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from service.errors import TuneGateError

_MARK = b"\xef\xbb\xbf"
# no origin of a row is as long; what is longer is no line of ours, and is not read on
_MOST_LINE_BYTES = 1 << 20
# what is kept of a hash: of a billion rows against a billion known ones it mistakes one in eighteen
_KEY_DIGITS = 16
# (key, source, place in it, record) as one number, so that a list of them sorts fast and in little memory
_PLACE_BITS, _SOURCE_BITS, _RECORD_BITS = 44, 20, 32
# what a row is said to be, as its line of NAME.provenance.jsonl has it
Row = dict[str, Any]


def key_of(line: bytes) -> str:
    """The hash of a line; neither its end nor a byte-order mark before it counts."""
    return hashlib.sha256(line.rstrip(b"\r\n").removeprefix(_MARK)).hexdigest()


class _Said(msgspec.Struct):
    sha256: str
    synth: str | None = None


class Lines:
    """Lines of origins, in a file or in memory; read whole once, and singly by their place."""

    def __init__(self, source: Path | bytes) -> None:
        self._source = source
        self._stream: BinaryIO | None = None

    def all(self) -> Iterator[tuple[int, bytes]]:
        """(place, line).

        Raises:
            OSError
        """
        place = 0
        with self._opened() as stream:
            while (line := stream.readline(_MOST_LINE_BYTES)) and len(line) < _MOST_LINE_BYTES:
                yield place, line
                place += len(line)

    def at(self, place: int) -> bytes:
        """Raises OSError."""
        if self._stream is None:
            self._stream = self._opened()
            weakref.finalize(self, self._stream.close)
        self._stream.seek(place)
        return self._stream.readline(_MOST_LINE_BYTES)

    def _opened(self) -> BinaryIO:
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")


class KnownRows:
    """20 bytes a row, 80 more while it is made; of equal rows the first one stays."""

    def __init__(self, packed: list[int], sources: list[Lines], records: list[str]) -> None:
        packed.sort()
        self._keys = array("Q", (one >> (_PLACE_BITS + _SOURCE_BITS + _RECORD_BITS) for one in packed))
        self._places = array("Q", (one >> _RECORD_BITS & (1 << _PLACE_BITS + _SOURCE_BITS) - 1 for one in packed))
        self._of = array("I", (one & (1 << _RECORD_BITS) - 1 for one in packed))
        self._sources, self._records = sources, records

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key: str) -> int | None:
        """The number of a row by the hash of its line."""
        wanted = int(key[:_KEY_DIGITS], 16)
        found = bisect_left(self._keys, wanted)
        return found if found < len(self._keys) and self._keys[found] == wanted else None

    def record(self, number: int) -> str:
        return self._records[self._of[number]]

    def row(self, number: int) -> Row:
        """All that is known of it.

        Raises:
            TuneGateError: `invalid_input` where it is not there any more.
        """
        source, place = divmod(self._places[number], 1 << _PLACE_BITS)
        try:
            row = msgspec.json.decode(self._sources[source].at(place), type=Row)
            if int(str(row["sha256"])[:_KEY_DIGITS], 16) == self._keys[number]:
                return row | {"synth": self.record(number)}
        except (OSError, ValueError, KeyError):
            pass
        raise TuneGateError(
            "invalid_input", "What is known of synthetic rows changed while it was read.", remedy="Do it again."
        )

    def packed(self, sources: int, records: int) -> Iterator[int]:
        """As it was made, behind so many sources and records of others."""
        behind = sources << _PLACE_BITS
        for key, place, of in zip(self._keys, self._places, self._of, strict=True):
            yield (key << _PLACE_BITS + _SOURCE_BITS | place + behind) << _RECORD_BITS | of + records

    @staticmethod
    def joined(several: Iterable[KnownRows]) -> KnownRows:
        packed: list[int] = []
        sources: list[Lines] = []
        records: list[str] = []
        for one in several:
            packed += one.packed(len(sources), len(records))
            sources += one._sources
            records += one._records
        return KnownRows(packed, sources, records)


def known_rows(lines: Lines, records: list[str]) -> KnownRows:
    """Those of some records; lines without `synth` are those of the only one, and what is no origin is passed over.

    Raises:
        OSError
    """
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(records)}
    if len(records) == 1:
        numbers[None] = 0
    decoder = msgspec.json.Decoder(_Said)
    packed = []
    for place, line in lines.all():
        try:
            said = decoder.decode(line)
            key = int(said.sha256[:_KEY_DIGITS], 16)
        except ValueError:
            continue
        if said.synth in numbers and 0 <= key < 1 << 64:
            packed.append((key << _PLACE_BITS + _SOURCE_BITS | place) << _RECORD_BITS | numbers[said.synth])
    return KnownRows(packed, [lines], records)
