"""Tells what kind of file an input is, and reads its records."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from service.convert.records import Record
from service.convert.source import Source, buffered
from service.convert.tables import DELIMITERS, read_table, text_lines
from service.errors import TuneGateError
from service.packing import spooled
from service.parquet import MAGIC, read_parquet

TABLES = {"csv": None, "tsv": "\t"}
_PACKED = {".gz", ".zst"}


class Opened(msgspec.Struct, frozen=True):
    """An input that is ready to be read; `columns` are those of a table, `note` says how the file is read."""

    kind: str
    records: Iterator[Record]
    columns: list[str] | None = None
    note: str = ""


class Reading(msgspec.Struct, frozen=True):
    """How to read: `table` is csv or tsv where a person said so."""

    encoding: str | None = None
    delimiter: str | None = None
    table: str | None = None


def read(source: Source, path: Path | None, reading: Reading, stack: ExitStack) -> Opened:
    """The records of an input, told by its content and the end of its name.

    Raises:
        TuneGateError: `invalid_input`, `unreadable_path`, `missing_extra`.
    """
    stream = buffered(source)
    head = stream.peek(64)
    suffix = _suffix(path)
    if head.startswith(MAGIC):
        if path is not None and path.suffix not in _PACKED:
            source.drain()
        else:
            path = stack.enter_context(spooled(stream))
        columns, _, rows = read_parquet(path, source.name_shown)
        return Opened("parquet", (Record(number, row) for number, row in enumerate(rows, 1)), columns)
    table = reading.table or (suffix if suffix in TABLES else None)
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1]
    if table is None and (start in {b"[", b"{", b""} or suffix in {"jsonl", "ndjson", "json"}):
        if start == b"[":
            return Opened("json", _array(stream, source.name_shown, reading.encoding))
        return Opened("jsonl", _lines(stream, source.name_shown, reading.encoding))
    delimiter = reading.delimiter or TABLES[table or "csv"]
    found = read_table(stream, source.name_shown, encoding=reading.encoding, delimiter=delimiter)
    note = f"{DELIMITERS.get(found.delimiter, 'own delimiter')}-separated, {found.encoding}"
    return Opened("table", found.records, found.columns, note)


def _suffix(path: Path | None) -> str:
    if path is None:
        return ""
    suffixes = [one.lower() for one in path.suffixes if one.lower() not in _PACKED]
    return suffixes[-1].removeprefix(".") if suffixes else ""


def _lines(stream: io.BufferedReader, name: str, encoding: str | None) -> Iterator[Record]:
    plain = encoding is None and stream.peek(2)[:2] not in {b"\xff\xfe", b"\xfe\xff"}
    lines: Iterator[bytes | str] = _without_mark(stream) if plain else text_lines(stream, name, encoding)[1]
    for number, line in enumerate(lines, 1):
        yield Record(number, blank=True) if not line.strip() else _record(number, line)


def _without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(codecs.BOM_UTF8)


def _array(stream: io.BufferedReader, name: str, encoding: str | None) -> Iterator[Record]:
    """The rows of one JSON array; unlike lines, they are held in memory together."""
    text = "".join(text_lines(stream, name, encoding)[1])
    try:
        rows = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise TuneGateError(
            "invalid_input",
            f"{name}: not a JSON array ({str(error).removeprefix('JSON is malformed: ')}).",
            remedy="The file is one array of objects, or has one object per line.",
        ) from error
    for number, row in enumerate(rows, 1):
        yield _record(number, bytes(row))


def _record(number: int, text: bytes | str) -> Record:
    try:
        data = msgspec.json.decode(text)
    except UnicodeDecodeError:
        return Record(number, why="not UTF-8: name the encoding with --encoding")
    except (ValueError, RecursionError):
        return Record(number, why="not valid JSON")
    return Record(number, data) if isinstance(data, dict) else Record(number, why="JSON, but not an object")
