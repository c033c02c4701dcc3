"""Converts records one by one and keeps the account: what was read, left out, or could not be converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from service.convert.columns import Mapping, checked, detected, shown_column
from service.convert.conversation import Reading
from service.convert.dialects import Dialect, Read, dialect_of, read_mapped, read_row
from service.convert.reader import Opened
from service.convert.records import Record
from service.convert.shapes import PREFERENCES, SHAPES
from service.convert.unconvertible import Unconvertible
from service.errors import TuneGateError, suggestion
from service.records.conversion import BadRow

# listed per reason; the counts are complete
MOST_LISTED = 20
# a set whose keys are data (one key per user, say) must not grow the account
_MOST_KEYS = 100
_OTHER_KEYS = "(other keys)"
# columns that hold JSON text in a table
_FOLDED = ("messages", "conversations", "conversation", "input", "preferred_output", "non_preferred_output",
           "chosen", "rejected", "prompt", "completion")  # fmt: skip


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to make of the rows.

    `dialect` refuses rows of any other, `system` is a column's name or a text for rows that have no system message,
    `keep` are keys that are copied beside what is written.
    """

    to: str
    dialect: str | None = None
    mapping: Mapping | None = None
    system: str | None = None
    keep: tuple[str, ...] = ()


class Converter:
    """One conversion over several inputs."""

    def __init__(self, wanted: Wanted, tell: Callable[[str], None]) -> None:
        self._wanted = wanted
        self._preference = wanted.to in PREFERENCES
        self._write = SHAPES[wanted.to]
        self._tell = tell
        self._detected: dict[tuple[str, ...], Mapping | None] = {}
        # of what was read, the one that the line given last was made of
        self.number = 0
        self.rows = 0
        self.blank_rows = 0
        self.shapes: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self.mappings: dict[str, list[dict[str, str]]] = {}
        self.bad_counts: Counter[str] = Counter()
        self.bad: list[BadRow] = []

    def lines(self, opened: Opened, name: str) -> Iterator[bytes]:
        """The converted rows of an input, each as one line; the others go into the account."""
        mapping, system = self._columns(opened, name)
        for record in opened.records:
            if record.blank:
                self.blank_rows += 1
                continue
            self.rows += 1
            try:
                line, shape, left_out = self._converted(record, mapping, system, name, in_table=bool(opened.columns))
            except Unconvertible as error:
                self.bad_counts[error.why] += 1
                if self.bad_counts[error.why] <= MOST_LISTED:
                    self.bad.append(BadRow(name, record.line, error.pointer, error.why))
                continue
            self.shapes[shape] += 1
            self._count_left_out(left_out)
            self.number = record.line
            yield line

    def missing(self) -> list[str]:
        """Keys to keep that no converted row had."""
        return [key for key in self._wanted.keep if not self._kept[key]]

    def _columns(self, opened: Opened, name: str) -> tuple[Mapping | None, str | None]:
        """(the mapping of a table, the system text); what was found is told before a row is read."""
        mapping, system = self._wanted.mapping, self._wanted.system
        columns = opened.columns or []
        if columns:
            dialect = dialect_of(dict.fromkeys(columns, ""), preference=self._preference)
            if mapping is not None:
                mapping = checked(mapping, columns)
            elif dialect is None or system in columns:
                mapping = detected(columns, preference=self._preference)
            if mapping is not None and system in columns:
                mapping = Mapping({**mapping.columns, "system": str(system)}, given=mapping.given)
                system = None
            self._tell_columns(f"{name} ({opened.note})" if opened.note else name, mapping, dialect)
        if mapping is not None and columns:
            self._new(name, mapping)
        if system is not None:
            nearest = " " + suggestion(system, columns) if suggestion(system, columns) else ""
            self._tell(f"{name}: the system message is the text given ({len(system)} characters).{nearest}")
        return mapping, system

    def _tell_columns(self, what: str, mapping: Mapping | None, dialect: Dialect | None) -> None:
        if mapping is not None:
            self._tell(f"{what}: {mapping.shown()} ({'as named' if mapping.given else 'by the names of the columns'})")
        elif dialect is not None:
            self._tell(f"{what}: the columns are those of {dialect.name}")

    def _converted(
        self, record: Record, mapping: Mapping | None, system: str | None, name: str, *, in_table: bool
    ) -> tuple[bytes, str, Counter[str]]:
        if record.data is None:
            raise Unconvertible(record.why or "holds nothing")
        data, reading = record.data, Reading()
        read, shape = self._read(data, mapping, system, reading, name, in_table=in_table)
        row = self._write(read)
        for key in self._wanted.keep:
            if key in data and key not in row:
                row[key] = data[key]
                self._kept[key] += 1
                del reading.left_out[key]
        try:
            return msgspec.json.encode(row) + b"\n", shape, reading.left_out
        except (TypeError, ValueError, UnicodeEncodeError, RecursionError):
            raise Unconvertible("holds a value that JSON has no form for") from None

    def _read(
        self, data: dict[str, Any], mapping: Mapping | None, system: str | None, reading: Reading, name: str,
        *, in_table: bool,
    ) -> tuple[Read, str]:  # fmt: skip
        if mapping is not None:
            self._refuse_other("table")
            return read_mapped(data, mapping, reading, system=system), "table"
        present = {key: value for key, value in data.items() if value not in (None, "")} if in_table else data
        dialect = dialect_of(present, preference=self._preference)
        if dialect is not None:
            self._refuse_other(dialect.name)
            row = _unfolded(present) if in_table else data
            return read_row(row, dialect, reading, system=system), dialect.name
        if in_table:
            raise Unconvertible("the cells of the question or the answer are empty")
        return read_mapped(data, self._by_names(data, name), reading, system=system), "table"

    def _by_names(self, data: dict[str, Any], name: str) -> Mapping:
        """The mapping of an object whose keys are no dialect's, told once per mapping."""
        keys = tuple(sorted(key for key, value in data.items() if value is not None))
        if keys not in self._detected:
            if len(self._detected) == _MOST_KEYS:
                self._detected.clear()
            self._detected[keys] = self._mapping_of(keys, name)
        mapping = self._detected[keys]
        if mapping is None:
            raise Unconvertible("no known shape, and the keys leave a choice: name them with --map")
        self._refuse_other("table")
        return mapping

    def _mapping_of(self, keys: tuple[str, ...], name: str) -> Mapping | None:
        try:
            found = detected(keys, preference=self._preference)
        except TuneGateError:
            return None
        if self._new(name, found):
            self._tell(f"{name}: {found.shown()} (by the names of the keys)")
        return found

    def _new(self, name: str, mapping: Mapping) -> bool:
        """Note a mapping of an input; whether it is another than those before."""
        known = self.mappings.setdefault(name, [])
        if mapping.columns in known:
            return False
        known.append(mapping.columns)
        return True

    def _refuse_other(self, shape: str) -> None:
        if self._wanted.dialect not in (None, shape):
            raise Unconvertible(f"{shape}, not {self._wanted.dialect} as --from says")

    def _count_left_out(self, left_out: Counter[str]) -> None:
        for key, count in left_out.items():
            shown = shown_column(key).strip("`")
            known = shown in self.left_out or len(self.left_out) < _MOST_KEYS
            self.left_out[shown if known else _OTHER_KEYS] += min(count, 1)


def _unfolded(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table with the JSON texts of its cells as what they say."""
    found = dict(row)
    for key in _FOLDED:
        cell = row.get(key)
        if isinstance(cell, str) and cell.lstrip()[:1] in {"[", "{"}:
            try:
                value = msgspec.json.decode(cell)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
                found[key] = value
    return found
