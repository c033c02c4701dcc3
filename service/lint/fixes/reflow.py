"""Puts every row on a line of its own: pretty-printed rows, several on a line, one JSON array."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator

import msgspec

from service.lint.fixes.reading import Piece, lines

Noted = Callable[[int], None]
# rows are objects; whatever else may stand between them holds nothing
_BETWEEN = re.compile(r"[\s,\[\]]*")
# a bracket on a later line than the first is a line of its own (stages.read_as_lines)
_OPENING = re.compile(rb"[^\S\n]*\[\s*\{")
# possessive, so that neither a string without an end nor a long run of spaces is tried again and again
_STRING_OR_SPACE = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")|(,?)(\s++)')
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]')
# a row beyond this is given up on and stays as it is
_MOST_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20
# a literal, number or escape that is cut at the end of what was read is shorter than this
_CUT = 32
# what tells a row from a message or a tool call inside of one
_ROW_KEYS = frozenset({"messages", "preferred_output", "chosen"})
_DECODER = json.JSONDecoder()


def is_array(stream: io.BufferedReader) -> bool:
    """Whether the stream is a JSON array of objects, as far as its beginning says."""
    return _OPENING.match(stream.peek(_BLOCK_BYTES)) is not None


def rows_of_array(stream: io.BufferedReader) -> Iterator[Piece]:
    """The rows of an array, each on a line of its own; what is broken stays as it is, with all that follows.

    A few rows are held at a time, however long the array is.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    text, place, number, size = "", 0, 1, _BLOCK_BYTES
    while True:
        start = _between(text, place)
        number, place = number + text.count("\n", place, start), start
        end = _end_of_row(text, place)
        if end is not None:
            yield Piece(number, _on_one_line(text[place:end]).encode("utf-8", "surrogateescape"))
            number, place, size = number + text.count("\n", place, end), end, _BLOCK_BYTES
            continue
        block = b"" if _is_broken(text, place) else stream.read(size)
        text, place, size = text[place:] + decode(block), 0, size * 2
        if not block:
            break
    left = text.encode("utf-8", "surrogateescape")
    if left:
        yield from lines(io.BytesIO(left + stream.readline()), start=number)
        yield from lines(stream, start=number + left.count(b"\n") + 1)


def reflowed(pieces: Iterator[Piece], noted: Noted) -> Iterator[Piece]:
    """The same lines, with every row that shares a line or spans several on one of its own."""
    waiting: Piece | None = None
    while (piece := waiting or next(pieces, None)) is not None:
        waiting = None
        if piece.plain or _object(piece.raw) is not None:
            yield piece
            continue
        taken, rows = [piece], _rows_in(piece.raw)
        if not rows and piece.raw.lstrip().startswith(b"{"):
            taken, rows, waiting = _gathered(piece, pieces)
        if rows and rows != [piece.raw]:
            noted(piece.number)
            ends = [taken[-1].end or b"\n"] * (len(rows) - 1) + [taken[-1].end]
            yield from (Piece(piece.number, row, end) for row, end in zip(rows, ends, strict=True))
        else:
            # none of these begins a row either, so that a broken file is read only once
            yield from taken


def _gathered(first: Piece, pieces: Iterator[Piece]) -> tuple[list[Piece], list[bytes], Piece | None]:
    """(lines taken, rows in them, a line too many): until every bracket is closed, or a line is a row itself."""
    taken, depth, size = [first], _depth(first.raw), len(first.raw)
    if depth <= 0:
        return taken, [], None
    for piece in pieces:
        if piece.plain or not _ROW_KEYS.isdisjoint(_object(piece.raw) or ()):
            return taken, [], piece
        taken.append(piece)
        depth, size = depth + _depth(piece.raw), size + len(piece.raw)
        if depth <= 0:
            return taken, _rows_in(b"\n".join(one.raw for one in taken)), None
        if size > _MOST_BYTES:
            break
    return taken, [], None


def _rows_in(raw: bytes) -> list[bytes]:
    """The rows when there is nothing else but rows, each on one line; else none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return []
    rows, place = [], _between(text, 0)
    while place < len(text):
        end = _end_of_row(text, place)
        if end is None:
            return []
        rows.append(_on_one_line(text[place:end]).encode())
        place = _between(text, end)
    return rows


def _object(raw: bytes) -> dict[str, object] | None:
    try:
        data = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _between(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _end_of_row(text: str, place: int) -> int | None:
    """The end of the object that begins here, None when there is none or not all of it."""
    try:
        return _DECODER.raw_decode(text, place)[1] if text.startswith("{", place) else None
    except (ValueError, RecursionError):
        return None


def _is_broken(text: str, place: int) -> bool:
    """Whether more text cannot make a row of what stands here."""
    if place < len(text) and (text[place] != "{" or len(text) - place > _MOST_BYTES):
        return True
    try:
        _DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Unterminated string") and error.pos + _CUT < len(text)
    except (ValueError, RecursionError):
        return True
    return False


def _depth(raw: bytes) -> int:
    """Brackets opened minus brackets closed, outside of strings."""
    found = [one for one in _STRING_OR_BRACKET.findall(raw) if len(one) == 1]
    return sum(1 if one in b"{[" else -1 for one in found)


def _on_one_line(text: str) -> str:
    return _STRING_OR_SPACE.sub(_unbroken, text) if "\n" in text or "\r" in text else text


def _unbroken(found: re.Match[str]) -> str:
    """A string or a space as it is, a line break as the space that JSON on one line has there."""
    if found[1] or ("\n" not in found[3] and "\r" not in found[3]):
        return found[0]
    return ", " if found[2] else ""
