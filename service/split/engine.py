"""Reads every input twice: once for the hashes of its rows, once to copy its lines to their parts."""

from __future__ import annotations

import codecs
import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.convert.source import buffered, opened
from service.errors import ErrorItem, TuneGateError
from service.files import writing
from service.records.conversion import ReadFile
from service.split.groups import Rows
from service.split.keys import keys_of

# listed per reason; the counts are complete
_MOST_LISTED = 20


class Found(msgspec.Struct, frozen=True):
    """What the first reading found."""

    files: list[tuple[Path, ReadFile]]
    rows: Rows
    blank_rows: int


class Written:
    """One part while it is written."""

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        self.path = path
        self.handle = handle
        self.rows = 0
        self.bytes = 0
        self.digest = hashlib.sha256()

    def write(self, line: bytes) -> None:
        self.handle.write(line)
        self.digest.update(line)
        self.rows += 1
        self.bytes += len(line)


def first_reading(inputs: Sequence[tuple[Path, str]], by: tuple[str, ...]) -> Found:
    """The hashes of all rows.

    Inputs are taken in the order of their hashes, so that neither their names nor their order changes a split.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with the lines that are no rows.
    """
    files = sorted(_hashed(inputs), key=lambda one: one[1].sha256)
    rows, blank, read = Rows(), 0, []
    wrong: Counter[str] = Counter()
    errors: list[ErrorItem] = []
    for path, file in files:
        before = len(rows)
        for number, line in _lines(path, file.path):
            if not line.strip():
                blank += 1
                continue
            data = _decoded(line)
            if isinstance(data, dict):
                rows.add(keys_of(data, by))
                continue
            why = data if isinstance(data, str) else "JSON, but not an object"
            wrong[why] += 1
            if wrong[why] <= _MOST_LISTED:
                errors.append(ErrorItem(f"{file.path}:{number}", why, "one JSON object"))
        read.append((path, msgspec.structs.replace(file, rows=len(rows) - before)))
    if wrong:
        counted = ", ".join(f"{count} {why}" for why, count in sorted(wrong.items()))
        raise TuneGateError(
            "invalid_input",
            f"{sum(wrong.values())} line(s) are no rows: {counted}.",
            remedy="Mend them (tunegate lint says what is wrong), or convert the file first: tunegate convert.",
            errors=errors,
        )
    return Found(read, rows, blank)


def copy(
    found: Found,
    parts: array[int],
    paths: Sequence[Path],
    wrote: Callable[[int, Path, int, bytes], None] = lambda *_: None,
    complete: Callable[[], None] = lambda: None,
) -> list[Written]:
    """Write every line to the part of its row, byte for byte; all parts are complete or none is there.

    `wrote` is told of every line (part, input, number from 1 in it, what was written), and `complete` is called before
    the first part takes its place.

    Raises:
        TuneGateError: `invalid_input` when an input changed meanwhile, `disk_full`.
    """
    with ExitStack() as stack:
        written = [Written(path, stack.enter_context(writing(path))) for path in paths]
        row = 0
        for path, file in found.files:
            digest = hashlib.sha256()
            for number, line in _lines(path, file.path, digest):
                if line.strip():
                    if row < len(parts):
                        ended = line if line.endswith(b"\n") else line + b"\n"
                        written[parts[row]].write(ended)
                        wrote(parts[row], path, number, ended)
                    row += 1
            if digest.hexdigest() != file.sha256:
                raise TuneGateError(
                    "invalid_input", f"{file.path}: changed while it was read.", remedy="Split it again."
                )
        for part in written:
            # a full disk is found out before the first part takes its place
            part.handle.flush()
            os.fsync(part.handle.fileno())
        complete()
    return written


def _hashed(inputs: Sequence[tuple[Path, str]]) -> Iterator[tuple[Path, ReadFile]]:
    for path, name in inputs:
        with opened(path, name, None) as source:
            source.drain()
            yield path, ReadFile(name, source.sha256, source.bytes, 0)


def _lines(path: Path, name: str, digest: hashlib._Hash | None = None) -> Iterator[tuple[int, bytes]]:
    """(number, line with its end); the byte-order mark is no part of a row."""
    with opened(path, name, None) as source:
        for number, line in enumerate(buffered(source), 1):
            if digest is not None:
                digest.update(line)
            yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def _decoded(line: bytes) -> object:
    """What a line holds, or why it cannot be read."""
    try:
        data: object = msgspec.json.decode(line)
    except UnicodeDecodeError:
        return "not UTF-8"
    except (ValueError, RecursionError):
        return "not valid JSON"
    return data if isinstance(data, dict) else None
