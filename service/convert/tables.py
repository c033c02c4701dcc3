"""CSV and TSV: encoding, delimiter and header, then one record per row, quoted newlines included."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

import msgspec

from service.convert.records import Record
from service.errors import ErrorItem, TuneGateError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_MARKS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
# a cell may be a whole document; the csv module stops at 128 KiB unless told otherwise
_LONGEST_CELL = 1 << 26


class Table(msgspec.Struct, frozen=True):
    """A table whose header was read; `delimiter` and `encoding` are what it is read with."""

    columns: list[str]
    delimiter: str
    encoding: str
    records: Iterator[Record]


def text_lines(stream: io.BufferedReader, name: str, encoding: str | None) -> tuple[str, Iterator[str]]:
    """(encoding, lines with their ends); a byte-order mark decides, then `encoding`, then UTF-8.

    Raises, while the lines are read:
        TuneGateError: `invalid_input` with the line that is not of this encoding.
    """
    head = stream.peek(4)[:4]
    marked = next((found for mark, found in _MARKS if head.startswith(mark)), None)
    chosen = marked or encoding or "utf-8"
    if codecs.lookup(chosen).name.startswith(("utf-16", "utf-32")):
        # newline="": the csv module wants the line ends as they are
        return chosen, _decoded(io.TextIOWrapper(stream, chosen, newline=""), name, chosen)
    return chosen, _decoded(stream, name, chosen)


def read_table(stream: io.BufferedReader, name: str, *, encoding: str | None, delimiter: str | None) -> Table:
    """Read the header.

    Raises:
        TuneGateError: `invalid_input`.
    """
    chosen, lines = text_lines(stream, name, encoding)
    first = next(lines, "")
    skipped = 0
    # what Excel writes, and reads, to name the delimiter
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter = delimiter or first.strip()[4]
        first, skipped = next(lines, ""), 1
    if not first.strip():
        raise TuneGateError("invalid_input", f"{name}: the table has no header.", remedy="Name the columns in line 1.")
    delimiter = delimiter or _delimiter(first, name)
    csv.field_size_limit(_LONGEST_CELL)
    rows = _rows(_again(first, lines), delimiter, name, skipped)
    _, header = next(rows)
    return Table(_columns(header, name), delimiter, chosen, _records(rows, _columns(header, name)))


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _decoded(lines: io.BufferedReader | io.TextIOWrapper, name: str, encoding: str) -> Iterator[str]:
    number = 0
    try:
        for line in lines:
            number += 1
            yield (
                line
                if isinstance(line, str)
                else line.decode(encoding if number == 1 else encoding.removesuffix("-sig"))
            )
    except UnicodeError as error:
        # of UTF-16 the position is that of a block
        known = isinstance(error, UnicodeDecodeError) and isinstance(lines, io.BufferedReader)
        place = f", byte {getattr(error, 'start', 0) + 1} of the line" if known else ""
        wrong = ErrorItem(f"{name}:{number}{place}", "bytes of another encoding", encoding)
        raise TuneGateError(
            "invalid_input",
            f"{name}: line {number} is not {encoding}.",
            remedy="Name the encoding: --encoding cp1252 for most Excel exports, or save as `CSV UTF-8`.",
            errors=[wrong],
        ) from error


def _delimiter(header: str, name: str) -> str:
    """The only one of the usual delimiters that the header holds outside of quotes."""
    outside = "".join(header.split('"')[::2])
    found = [one for one in DELIMITERS if one in outside]
    if len(found) == 1:
        return found[0]
    seen = " and ".join(DELIMITERS[one] for one in found)
    raise TuneGateError(
        "invalid_input",
        f"{name}: the header holds {seen}." if found else f"{name}: the header is one column, or no table's.",
        remedy="Name the delimiter: --delimiter ';' (or , or | or tab).",
    )


def _rows(lines: Iterator[str], delimiter: str, name: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """(line on which the row starts, its cells)."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1 + skipped
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1 + skipped
    except csv.Error as error:
        wrong = ErrorItem(f"{name}:{start}", str(error), "cells in double quotes, a quote inside doubled")
        raise TuneGateError(
            "invalid_input",
            f"{name}: the row that starts on line {start} cannot be told from the rest.",
            remedy="Mend the quotes of this row, or name the right --delimiter.",
            errors=[wrong],
        ) from error


def _columns(header: list[str], name: str) -> list[str]:
    columns = [cell.strip() or f"column {i}" for i, cell in enumerate(header, 1)]
    twice = sorted({one for one in columns if columns.count(one) > 1})
    if twice:
        raise TuneGateError(
            "invalid_input", f"{name}: {len(twice)} column name(s) stand twice in the header.", remedy="Rename them."
        )
    return columns


def _records(rows: Iterator[tuple[int, list[str]]], columns: list[str]) -> Iterator[Record]:
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            yield Record(line, blank=True)
        elif any(cell.strip() for cell in cells[len(columns) :]):
            yield Record(line, why="the row has more cells than the header")
        else:
            # spreadsheets leave trailing empty cells out
            padded = cells + [""] * (len(columns) - len(cells))
            yield Record(line, dict(zip(columns, padded, strict=False)))
