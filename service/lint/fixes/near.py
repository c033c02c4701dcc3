"""Which rows of a copy are nearly another one, told from the copy that all other fixes make: what is left of it has
no near copy that a report on it would find.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

import msgspec

from service.lint.chosen import Checks
from service.lint.corpus import Part
from service.lint.fixes.fix import Change
from service.lint.fixes.reading import Piece
from service.lint.fixes.stages import Note
from service.lint.joined import joined_keys, joined_sketches
from service.lint.near_pairs import without_near
from service.lint.reader import Reader
from service.lint.stretch import Stretch
from service.packing import BUFFER_BYTES
from service.records.lint_report import Role

INSIDE, BETWEEN = "Q002", "X003"
_DID = {
    INSIDE: "left the row out: it is nearly an earlier one",
    BETWEEN: "left the row out of the validation data: it is nearly a training row",
}
# place of a line in a copy, from 0 -> rule
Left = dict[int, str]


def near_rows(copies: Iterable[tuple[Role, Iterator[bytes]]], checks: Checks, codes: Collection[str]) -> list[Left]:
    """For each copy, training before validation, the rows to leave out and the rule that says so."""
    looking = msgspec.structs.replace(checks, severities={}, counter=None, near=True, languages=False)
    parts = [Part("", role, "", Stretch(looking).read(Reader(_stream(blocks)))) for role, blocks in copies]
    training = sum(part.partial.lines for part in parts if part.role == "train")
    files = [part.partial for part in parts]
    sketches = joined_sketches(files)
    inside, between = without_near(
        sketches.lines, sketches.marks, joined_keys(files, training), inside=INSIDE in codes, between=BETWEEN in codes
    )
    rules = dict.fromkeys(inside, INSIDE) | dict.fromkeys(between, BETWEEN)
    found, before = [], 0
    for part in parts:
        lines = range(before, before + part.partial.lines)
        rules = dict.fromkeys(inside, INSIDE) | dict.fromkeys(between, BETWEEN)
        found.append({line - before: rule for line, rule in rules.items() if line in lines})
        before = lines.stop
    return found


def left_out(pieces: Iterator[Piece], left: Mapping[int, str], note: Note) -> Iterator[Piece]:
    """The lines of a copy without those rows."""
    for place, piece in enumerate(pieces):
        rule = left.get(place)
        if rule is None:
            yield piece
        else:
            note(Change(rule, piece.number, None, _DID[rule]))


class _Blocks(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _stream(blocks: Iterator[bytes]) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", _Blocks(blocks)), BUFFER_BYTES)
