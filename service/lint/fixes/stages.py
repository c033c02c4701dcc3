"""Fixes of lines and of whole files, each a stage that lines pass through."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import xxhash

from service.lint.fixes.fix import Change
from service.lint.fixes.mender import Mender
from service.lint.fixes.reading import Piece
from service.lint.reader import encoding_of
from service.lint.row_groups import FEWEST_GROUPS, GroupKeys, groups_of
from service.packing import packing_of
from service.records.lint_report import FixKind

Note = Callable[[Change], None]
# what each of these does is in this module, in reflow.py (F010), near.py (Q002, X003) and copy.py (F003, F004, F006)
STAGES: dict[str, FixKind] = {
    "F002": "unsafe",
    "F003": "safe",
    "F004": "safe",
    "F005": "safe",
    "F006": "unsafe",
    "F010": "safe",
    "F011": "safe",
    "F012": "safe",
    "F015": "unsafe",
    "Q001": "unsafe",
    "Q002": "unsafe",
    "X001": "safe",
    "X002": "unsafe",
    "X003": "unsafe",
    "X007": "unsafe",
}
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
_LONE = 6


# Windows-1252 has no letter for five bytes, which are read as Latin-1
_LETTERS = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))


def _windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return codecs.charmap_decode(error.object[error.start : error.end], "strict", _LETTERS)[0], error.end


codecs.register_error("tunegate.windows-1252", _windows_1252)


def line_ends(pieces: Iterator[Piece], note: Note) -> Iterator[Piece]:
    """F012: one change for the whole file, as there is one finding."""
    count = 0
    for piece in pieces:
        if piece.end == b"\r\n":
            piece.end = b"\n"
            count += 1
        yield piece
    if count:
        note(Change("F012", None, None, f"left {count} carriage return(s) at line ends out"))


def without_marks(pieces: Iterator[Piece], note: Note) -> Iterator[Piece]:
    """F005: before blank lines are looked for, since a line that holds only a mark is one without it."""
    for piece in pieces:
        if not piece.plain and piece.number > 1 and piece.raw.startswith(codecs.BOM_UTF8):
            while piece.raw.startswith(codecs.BOM_UTF8):
                piece.raw = piece.raw.removeprefix(codecs.BOM_UTF8)
            note(Change("F005", piece.number, None, "left the byte-order mark out"))
        yield piece


def without_blanks(pieces: Iterator[Piece], note: Note) -> Iterator[Piece]:
    """F011: a blank line at the very end is no finding and stays; so does one before a first line that would have the
    file taken for packed data or another encoding.
    """
    blank: Piece | None = None
    begun = False
    for piece in pieces:
        filled = piece.plain or bool(piece.raw.strip())
        if blank is not None:
            if filled and not begun and not _reads_as_lines(piece.raw):
                yield blank
            else:
                note(Change("F011", blank.number, None, "left the blank line out"))
            blank = None
        if filled:
            begun = True
            yield piece
        else:
            blank = piece
    if blank is not None:
        yield blank


def read_as_lines(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """A blank line before a first line that would have the copy taken for packed data, an array or another encoding."""
    begun = False
    for piece in pieces:
        if not begun and not _reads_as_lines(piece.raw):
            yield Piece(piece.number, b"")
        begun = True
        yield piece


def _reads_as_lines(first: bytes) -> bool:
    in_brackets = first.lstrip().startswith(b"[")
    return not in_brackets and encoding_of(first).name == "utf-8" and packing_of(first) is None


def repaired(pieces: Iterator[Piece], codes: set[str], note: Note) -> Iterator[Piece]:
    """F002, F015: a line stays as it is unless what comes out is JSON."""
    for piece in pieces:
        if not piece.plain:
            _repair(piece, codes, note)
        yield piece


def _repair(piece: Piece, codes: set[str], note: Note) -> None:
    ways = [
        ("F002", _in_utf8, "read bytes that are no UTF-8 as Windows-1252"),
        ("F015", _without_halves, "wrote U+FFFD for half of a surrogate pair"),
    ]
    raw, done = piece.raw, []
    for code, way, did in ways:
        new = way(raw) if code in codes and not _is_json(raw) else raw
        if new != raw:
            raw = new
            done.append(Change(code, piece.number, None, did))
    if done and _is_json(raw):
        piece.raw = raw
        for change in done:
            note(change)


def _in_utf8(raw: bytes) -> bytes:
    return raw.decode("utf-8", "tunegate.windows-1252").encode()


def _without_halves(raw: bytes) -> bytes:
    def whole(found: re.Match[bytes]) -> bytes:
        escape = found[0]
        return rb"\ufffd" if len(escape) == _LONE and escape.startswith(b"\\u") else escape

    return _ESCAPE.sub(whole, raw)


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(raw: bytes) -> Any:
    """The value, None where there is none."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None


def mended(pieces: Iterator[Piece], mender: Mender, note: Note) -> Iterator[Piece]:
    """Row fixes; rows that are left out do not come out."""
    for piece in pieces:
        if piece.plain:
            yield piece
            continue
        result = mender.mend(piece.raw)
        for code, pointer, did in result.done:
            note(Change(code, piece.number, pointer, did))
        if result.line is not None:
            piece.raw = result.line
            yield piece


def grouped(pieces: Iterator[Piece], keys: GroupKeys) -> Iterator[Piece]:
    """X007: what says to which group a row belongs is noted before a fix takes it out."""
    for piece in pieces:
        if not piece.plain:
            data = _decoded(piece.raw)
            piece.groups = tuple(groups_of(data, keys)) if isinstance(data, dict) else ()
        yield piece


class Seen:
    """Rows of all training files, as hashes: 128 bits, so that no row is lost to a collision; of groups 64."""

    def __init__(self, codes: set[str]) -> None:
        self._codes = codes
        self._rows: set[int] = set()
        self._prompts: set[int] = set()
        self._groups: dict[str, set[int]] = {}

    def new_rows(self, pieces: Iterator[Piece], note: Note) -> Iterator[Piece]:
        """Q001: training rows that do not repeat an earlier one byte for byte."""
        for piece in pieces:
            line = piece.raw.strip()
            if line and self._codes & {"Q001", "X001"}:
                key, known = xxhash.xxh3_128_intdigest(line), len(self._rows)
                self._rows.add(key)
                if len(self._rows) == known and "Q001" in self._codes:
                    note(Change("Q001", piece.number, None, "left the repeated row out"))
                    continue
            if "X002" in self._codes and (prompt := _prompt(line)) is not None:
                self._prompts.add(prompt)
            for name, value in piece.groups:
                self._groups.setdefault(name, set()).add(value)
            yield piece

    def not_trained_on(self, pieces: Iterator[Piece], note: Note) -> Iterator[Piece]:
        """X001, X002, X007: validation rows whose row, prompt or group does not stand in the training data."""
        for piece in pieces:
            line = piece.raw.strip()
            if "X001" in self._codes and xxhash.xxh3_128_intdigest(line) in self._rows:
                note(Change("X001", piece.number, None, "left the row out of the validation data"))
            elif "X002" in self._codes and _prompt(line) in self._prompts:
                note(Change("X002", piece.number, None, "left the row out of the validation data"))
            elif any(self._trained_on(key, value) for key, value in piece.groups):
                note(Change("X007", piece.number, None, "left the row out of the validation data"))
            else:
                yield piece

    def _trained_on(self, key: str, value: int) -> bool:
        known = self._groups.get(key, ())
        return len(known) >= FEWEST_GROUPS and value in known


def _prompt(line: bytes) -> int | None:
    """All messages but the last answer, as a hash; weights are no part of a prompt."""
    data = _decoded(line)
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list) or len(messages) < 2 or not all(isinstance(one, dict) for one in messages):
        return None
    if messages[-1].get("role") != "assistant" or not isinstance(messages[-1].get("content"), str):
        return None
    prompt = [{key: value for key, value in one.items() if key != "weight"} for one in messages[:-1]]
    return xxhash.xxh3_128_intdigest(msgspec.json.encode(prompt))
