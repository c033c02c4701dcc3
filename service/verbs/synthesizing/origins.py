"""Which rows syntheses wrote, told from what stands beside a file or was given with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from service.records.synthesis import RowProvenance, SynthReport
from service.verbs.synthesizing.files import PROVENANCE, RECORD, provenance_path, read_records, record_path
from service.verbs.synthesizing.known_rows import KnownRows, Lines, key_of, known_rows


class Origins:
    """The records of syntheses by id, and the rows that they wrote by the hash of their line.

    `own` are the records that stand under the file's own name, `unread` names of what was too much to be read.
    """

    def __init__(
        self,
        records: Iterable[SynthReport] = (),
        rows: Sequence[KnownRows] = (),
        own: Iterable[str] = (),
        unread: Sequence[str] = (),
    ) -> None:
        self.records = {one.id: one for one in records}
        self.rows = rows[0] if len(rows) == 1 else KnownRows.joined(rows)
        self.own, self.unread = frozenset(own), list(unread)

    def number(self, line: bytes) -> int | None:
        """The number of the known row that a line is."""
        return self.rows.find(key_of(line))

    def record(self, line: bytes) -> str | None:
        """The id of the record whose row a line is."""
        number = self.number(line)
        return None if number is None else self.rows.record(number)

    def whole(self, sha256: str) -> str | None:
        """The record whose rows a file of this hash are, byte for byte; it is told so without the rows' origins too."""
        return next((n for n, one in self.records.items() if one.output and one.output.sha256 == sha256), None)


def origins_of(records: Iterable[SynthReport], lines: bytes) -> Origins:
    """Rows as NAME.provenance.jsonl has them; those without `synth` are of the only record."""
    found = list(records)
    return Origins(found, [known_rows(Lines(lines), [one.id for one in found])])


def given_origins(record: SynthReport, rows: Iterable[RowProvenance]) -> Origins:
    """Those of one record, as the service keeps them."""
    return origins_of([record], b"".join(msgspec.json.encode(one) + b"\n" for one in rows))


def origins_beside(path: Path, most_bytes: int | None = None) -> Origins:
    """Those under the file's own name and under all others of its folder: who joins or renames files keeps them.

    Of the others, so many bytes are read at most. Hidden files are somebody's who is writing.
    """
    own = _read(record_path(path), provenance_path(path))
    found, unread, read = [own] if own is not None else [], [], 0
    for record in sorted(path.parent.glob(f"*{RECORD}")) if path.is_file() else ():
        if record == record_path(path) or record.name.startswith("."):
            continue
        provenance = record.with_name(record.name.removesuffix(RECORD) + PROVENANCE)
        size = _size(record) + _size(provenance)
        if most_bytes is not None and read + size > most_bytes:
            unread.append(record.name)
        elif (other := _read(record, provenance)) is not None:
            found.append(other)
            read += size
    return joined(found, own=own.records if own is not None else (), unread=unread)


def joined(several: Iterable[Origins], own: Iterable[str] = (), unread: Sequence[str] = ()) -> Origins:
    """All of them; of a row that several know the first one says where it comes from."""
    known = list(several)
    records = {name: record for one in reversed(known) for name, record in one.records.items()}
    return Origins(records.values(), [one.rows for one in known], own, unread)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read(record: Path, provenance: Path) -> Origins | None:
    records = read_records(record)
    if records is None:
        return None
    try:
        rows = [known_rows(Lines(provenance), [one.id for one in records])] if provenance.is_file() else []
    except OSError:
        rows = []
    return Origins(records, rows)
