"""Which rows syntheses wrote, by the hashes of their lines, and which ones in files that are made of theirs."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from service.packing import open_file, unpacked
from service.records.synthesis import RowProvenance, SynthReport
from service.verbs.synthesizing.files import PROVENANCE, RECORD, provenance_path, read_records, record_path

_MARK = b"\xef\xbb\xbf"
# /dev/stdout may be a file that the shell opened, and nothing belongs beside its other name
_DEVICES = Path("/dev")
# what a row is said to be, as its line of NAME.provenance.jsonl has it
Row = dict[str, Any]


class Origins(msgspec.Struct, frozen=True):
    """The records of syntheses by id, and the rows that they wrote by the hash of their line."""

    records: dict[str, SynthReport] = {}
    rows: dict[str, Row] = {}

    def of(self, line: bytes) -> Row | None:
        return self.rows.get(key_of(line))

    def whole(self, sha256: str) -> str | None:
        """The record whose rows a file of this hash are, byte for byte; it is told so without the rows' origins too."""
        return next((n for n, one in self.records.items() if one.output and one.output.sha256 == sha256), None)


def key_of(line: bytes) -> str:
    """The hash of a line; neither its end nor a byte-order mark before it counts."""
    return hashlib.sha256(line.rstrip(b"\r\n").removeprefix(_MARK)).hexdigest()


def origins_of(records: Iterable[SynthReport], rows: Iterable[Row]) -> Origins:
    """Rows without `synth` are those of the only record."""
    by_id = {one.id: one for one in records}
    only = next(iter(by_id)) if len(by_id) == 1 else None
    known = [one if one.get("synth") else one | {"synth": only} for one in rows]
    return Origins(by_id, {str(one["sha256"]): one for one in known if one["synth"] in by_id})


def given_origins(record: SynthReport, rows: Iterable[RowProvenance]) -> Origins:
    """Those of one record, as the service keeps them."""
    return origins_of([record], msgspec.to_builtins(list(rows)))


def own_origins(path: Path) -> Origins | None:
    """Those that stand beside a file under its own name; None where none can be read."""
    return _read(record_path(path), provenance_path(path))


def origins_beside(path: Path) -> Origins:
    """Those under the file's own name and under all others of its folder: who joins or renames files keeps them."""
    own = own_origins(path)
    found = [own] if own is not None else []
    for record in sorted(path.parent.glob(f"*{RECORD}")) if path.is_file() else ():
        name = record.name.removesuffix(RECORD)
        if record != record_path(path) and (other := _read(record, record.with_name(name + PROVENANCE))):
            found.append(other)
    return joined(found)


def joined(several: Iterable[Origins]) -> Origins:
    """All of them; of a row that several know the first one says where it comes from."""
    records: dict[str, SynthReport] = {}
    rows: dict[str, Row] = {}
    for one in several:
        records = one.records | records
        rows = one.rows | rows
    return Origins(records, rows)


def _read(record: Path, provenance: Path) -> Origins | None:
    records = read_records(record)
    if records is None:
        return None
    try:
        lines = provenance.read_bytes().splitlines()
        rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
        return origins_of(records, [one for one in rows if isinstance(one.get("sha256"), str)])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Origins({one.id: one for one in records})


class Trail:
    """Follows the rows of syntheses from the lines of an input to those of a file that is made of it."""

    def __init__(self, made: Derived, rows: dict[int, Row]) -> None:
        self._made, self._rows = made, rows

    def wrote(self, number: int, line: bytes) -> None:
        """A line was written that comes of line `number` (from 1) of the input; one that holds nothing is no row."""
        if line.strip():
            self._made.add(self._rows.get(number), line)


def trails(made: Sequence[Derived], path: Path | None, origins: Origins | None = None) -> list[Trail]:
    """Of one input to each of several files; it is read once."""
    known = origins if origins is not None else origins_beside(path) if path is not None else Origins()
    rows = dict(_rows_of(path, known)) if path is not None and known.records and path.is_file() else {}
    return [one.expect(known, rows) for one in made]


class Derived:
    """A file that is made of others: the rows in it that syntheses wrote, and their records."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.rows: list[Row] = []
        self._records: dict[str, SynthReport] = {}
        self._expected, self._count = False, 0

    def trail(self, path: Path | None, origins: Origins | None = None) -> Trail:
        """For one input, which is read to find its rows where `origins`, else what stands beside it, know of any."""
        return trails([self], path, origins)[0]

    def expect(self, known: Origins, rows: dict[int, Row]) -> Trail:
        """The trail of an input whose known rows these are, by the number of their line."""
        self._records |= known.records
        self._expected = self._expected or bool(rows)
        return Trail(self, rows)

    def knows(self, record: str) -> bool:
        return record in self._records

    @property
    def placed(self) -> bool:
        """Whether it is a file in a folder, and no pipe, device or descriptor."""
        folder = Path(os.path.realpath(self.out.parent))
        return (self.out.is_file() or not self.out.exists()) and folder.parts[1:2] != ("proc",) and folder != _DEVICES

    @property
    def awaited(self) -> bool:
        """Whether something may stand beside the file in the end."""
        return self._expected and self.placed

    def add(self, origin: Row | None, line: bytes) -> None:
        self._count += 1
        if origin is None:
            return
        key = key_of(line)
        changed = {} if key == origin["sha256"] or origin.get("derived_from") else {"derived_from": origin["sha256"]}
        self.rows.append(origin | changed | {"row": self._count, "sha256": key})

    def contents(self) -> dict[Path, bytes]:
        """What is to stand beside the file; nothing where no row of it was written by a synthesis."""
        if not self.awaited or not self.rows:
            return {}
        named = Counter(str(row["synth"]) for row in self.rows)
        records = [record for name, record in self._records.items() if name in named]
        content = msgspec.json.encode(records[0] if len(records) == 1 else records)
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in self.rows)
        return {record_path(self.out): msgspec.json.format(content, indent=2) + b"\n", provenance_path(self.out): lines}

    def origins(self) -> Origins:
        return origins_of(self._records.values(), self.rows)


def _rows_of(path: Path, origins: Origins) -> Iterator[tuple[int, Row]]:
    """(number from 1, what is known of it) of every line that is known."""
    whole = None
    if not origins.rows:
        with path.open("rb") as plain:
            whole = origins.whole(hashlib.file_digest(plain, "sha256").hexdigest())
    with open_file(path, str(path)) as stream:
        for number, line in enumerate(unpacked(stream, str(path)), 1):
            row = origins.of(line) if whole is None else {"synth": whole, "sha256": key_of(line)}
            if row is not None:
                yield number, row
