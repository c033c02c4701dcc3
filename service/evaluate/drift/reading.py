"""Reads a side with the linter's reader: large plain files by several processes, packed ones and Parquet too."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.errors import TuneGateError
from service.evaluate.drift.tally import Tally
from service.lint.engine import hash_into
from service.lint.reader import Reader, encoding_of
from service.lint.tokens.counter import TokenCounter
from service.lint.workers import Piece, WorkerLostError, pieces, read_in_pool, reader_of, workers_for
from service.packing import open_file, packing_of, spooled, unpacked, watched
from service.parquet import MAGIC
from service.records.drift import DriftSide


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How rows are read: `counter` counts tokens (None: nobody does), `workers` 0 = as many as it is worth.

    `meanwhile` is done by this process while others read for it, and left out where there are none.
    """

    method: str = "sft"
    seed: int = 0
    counter: TokenCounter | None = None
    workers: int = 0
    parquet: bool = True
    progress: Callable[[int], None] | None = None
    meanwhile: Callable[[], None] | None = None

    def tally(self) -> Tally:
        """An empty one."""
        return Tally(method=self.method, seed=self.seed, file=0)


class Side(msgspec.Struct, frozen=True):
    """A side that was read."""

    about: DriftSide
    tally: Tally


def read_side(path: Path | None, stdin: BinaryIO | None, reading: Reading) -> Side:
    """Read a file, or where `path` is None a stream.

    Raises:
        TuneGateError: `unreadable_path`, `invalid_input` for a text encoding that is not UTF-8 or no row at all,
            `missing_extra` for Parquet without its library.
    """
    if path is None:
        if stdin is None:
            raise TuneGateError("invalid_input", "No standard input to read.")
        return _stream(stdin, "-", reading)
    # a record is UTF-8, which the name of a file need not be
    shown = os.fsencode(path).decode("utf-8", "replace")
    with open_file(path, shown) as stream:
        head = stream.peek(4)[:4] if hasattr(stream, "peek") else b""
        size = path.stat().st_size if path.is_file() else 0
        if size and head == MAGIC:
            return _parquet(path, shown, reading)
        workers = workers_for(size, reading.workers)
        if workers == 1 or packing_of(head) or encoding_of(head).name != "utf-8":
            return _stream(stream, shown, reading)
    try:
        return _in_pool(path, shown, size, workers, reading)
    except WorkerLostError:
        # one process needs the least memory
        with open_file(path, shown) as stream:
            return _stream(stream, shown, reading)


def _in_pool(path: Path, shown: str, size: int, workers: int, reading: Reading) -> Side:
    digest = hashlib.sha256()
    found = pieces(path, shown, size)
    if reading.counter is not None:
        reading.counter.framing()
    whole = reading.tally()
    read = partial(_read_piece, reading=msgspec.structs.replace(reading, progress=None, meanwhile=None))

    def meanwhile() -> None:
        hash_into(digest, path, shown)
        if reading.meanwhile is not None:
            reading.meanwhile()

    tallies = read_in_pool(found, read, workers, meanwhile)
    for tally, piece in zip(tallies, found, strict=True):
        whole.merge(tally)
        if reading.progress is not None:
            reading.progress(piece.end - piece.start)
    return _side(shown, digest.hexdigest(), size, whole)


def _read_piece(piece: Piece, reading: Reading) -> Tally:
    with reader_of(piece, gated=False) as reader:
        return reading.tally().read(reader, reading.counter)


def _stream(stream: BinaryIO, shown: str, reading: Reading) -> Side:
    source = unpacked(stream if reading.progress is None else watched(stream, reading.progress), shown)
    if source.peek(len(MAGIC)).startswith(MAGIC):
        with spooled(source) as path:
            return _parquet(path, shown, reading)
    reader = Reader(source, gated=False)
    tally = reading.tally().read(reader, reading.counter)
    if reader.encoding.name != "utf-8":
        raise TuneGateError(
            "invalid_input", f"{shown}: the text is {reader.encoding.name}, not UTF-8.",
            remedy=f"iconv -f {reader.encoding.name} -t utf-8 FILE > NEW",
        )  # fmt: skip
    return _side(shown, reader.sha256, reader.bytes, tally)


def _parquet(path: Path, shown: str, reading: Reading) -> Side:
    if not reading.parquet:
        raise TuneGateError(
            "invalid_input", f"{shown}: Parquet is not taken here.",
            remedy="Convert it first: tunegate convert FILE -o FILE.jsonl.",
        )  # fmt: skip
    # drags in what only Parquet needs
    from service.lint.parquet_lines import parquet_lines

    digest = hashlib.sha256()
    hash_into(digest, path, shown)
    with parquet_lines(path, shown, reading.progress) as lines:
        tally = reading.tally().read(Reader(lines, hashed=False, gated=False), reading.counter)
    return _side(shown, digest.hexdigest(), path.stat().st_size, tally)


def _side(shown: str, sha256: str, size: int, tally: Tally) -> Side:
    if not tally.rows:
        seen = f"{tally.unread:,} line(s), none of them an object" if tally.unread else "nothing"
        raise TuneGateError(
            "invalid_input", f"{shown}: no rows. It holds {seen}.",
            remedy="Give chat JSONL with one object per line; tunegate lint says what is wrong with each line.",
        )  # fmt: skip
    about = DriftSide(path=shown, sha256=sha256, bytes=size, rows=tally.rows, unread=tally.unread)
    return Side(about, tally)
