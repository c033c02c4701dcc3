"""The way back: byte for byte in the file that was written, row by row in one that was edited."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import TuneGateError
from service.privacy.redaction.copy import Copier
from service.privacy.redaction.map import Content, MapReader, MapWriter
from service.privacy.redaction.restore import EditedFile, SameFile
from service.privacy.redaction.row import Redactor
from service.privacy.redaction.ways import WAYS

Make = Callable[..., Redactor]


def stream(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))  # type: ignore[arg-type]


def content(data: bytes) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def there(redactor: Redactor, data: bytes) -> tuple[bytes, bytes]:
    """(redacted, map)."""
    sink = io.BytesIO()
    writer = MapWriter(sink)
    made = b"".join(Copier(redactor).blocks(stream(data), "in.jsonl", writer))
    writer.end(content(data), content(made))
    return made, sink.getvalue()


def back(redacted: bytes, written: bytes) -> bytes:
    return b"".join(SameFile(MapReader(io.BytesIO(written), "map")).blocks(stream(redacted)))


@contextmanager
def edited(redacted: bytes, written: bytes) -> Iterator[tuple[bytes, tuple[int, list[int]]]]:
    with EditedFile(MapReader(io.BytesIO(written), "map")) as file:
        file.look(stream(redacted))
        made = b"".join(file.blocks(stream(redacted)))
        yield made, file.missing()


PIECES = st.sampled_from(
    ["ada@b.cd", "ADA@B.CD", "536-90-4399", "\u00e9", "\u4e2d", "\U0001f600", '"', "\\", "/", "\n", "<EMAIL_ADDRESS_1>",
     " ", "\ud83d", "\x00", "<", "account 12345678 "]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=6).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    rows = []
    for value in draw(st.lists(VALUES, max_size=4)):
        arguments = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        message = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}
        text = json.dumps({"messages": [message], "x": value}, ensure_ascii=draw(st.booleans()))
        text = "".join(f"\\u{ord(one):04X}" if "\ud800" <= one <= "\udfff" else one for one in text)
        rows.append(text.replace("/", draw(st.sampled_from(["/", "\\/"]))).encode())
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"])).join(rows) + draw(st.sampled_from([b"", b"\n"]))


@given(files(), st.sampled_from(WAYS))
def test_there_and_back_gives_the_same_bytes(redactor: Make, data: bytes, name: str) -> None:
    redacted, written = there(redactor(name), data)
    assert b"ada@b.cd" not in redacted
    assert back(redacted, written) == data
    with edited(redacted, written) as (made, (missing, _)):
        assert (made, missing) == (data, 0)


def row(*words: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": " ".join(words)}]}).encode() + b"\n"


ROWS = [row("first", "ada@b.cd"), row("nothing"), row("third", "bob@b.cd"), row("fourth", "eve@b.cd")]


def redacted_rows(redactor: Make, rows: list[bytes]) -> tuple[list[bytes], bytes]:
    made, written = there(redactor(), b"".join(rows))
    return made.splitlines(keepends=True), written


def test_rows_are_found_wherever_they_went(redactor: Make) -> None:
    made, written = redacted_rows(redactor, ROWS)
    moved = b"\r\n".join([row("new").strip(), *(one.strip() for one in reversed(made))])
    want = b"\r\n".join([row("new").strip(), *(one.strip() for one in reversed(ROWS))])
    with edited(moved, written) as (found, missing):
        assert (found, missing) == (want, (0, []))


def test_an_edited_row_stays_and_is_told(redactor: Make) -> None:
    made, written = redacted_rows(redactor, ROWS)
    changed = [made[0], made[2].replace(b"third", b"3rd"), made[3]]
    with edited(b"".join(changed), written) as (found, missing):
        assert found == b"".join([ROWS[0], changed[1], ROWS[3]])
        assert missing == (1, [3])


def test_rows_that_read_alike_are_told_apart_by_their_lines_until_rows_move(redactor: Make) -> None:
    rows = [row("mail", "ada@b.cd"), row("mail", "bob@b.cd"), *ROWS]
    made, written = redacted_rows(redactor, rows)
    assert made[0] == made[1]
    in_place = [*made[:3], row("edited"), *made[4:]]
    with edited(b"".join(in_place), written) as (found, missing):
        assert found == b"".join([*rows[:3], row("edited"), *rows[4:]])
        assert missing == (0, [])
    moved = [made[2], made[1], made[0], *made[3:]]
    with edited(b"".join(moved), written) as (found, missing):
        assert found == b"".join([rows[2], made[1], made[0], *rows[3:]])
        assert missing == (2, [1, 2])


def test_rows_that_were_alike_need_not_be_told_apart(redactor: Make) -> None:
    rows = [row("mail", "ada@b.cd")] * 3
    made, written = redacted_rows(redactor, rows)
    with edited(b"".join([row("new"), *made[:2]]), written) as (found, missing):
        assert (found, missing) == (b"".join([row("new"), *rows[:2]]), (1, [3]))


@pytest.mark.parametrize(
    "broken",
    [
        lambda lines: [],
        lambda lines: lines[:-1],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[1]],
        lambda lines: [lines[0], b"{}\n", *lines[2:]],
        lambda lines: [lines[0], b'{"line":1,"digest":"","changes":[["1","a","b"]]}\n', *lines[2:]],
        lambda lines: [b'{"messages": []}\n'] * 3,
        lambda lines: [b"\xff\n", *lines],
    ],
)
def test_a_broken_map_is_refused_before_anything_is_read(
    redactor: Make, broken: Callable[[list[bytes]], list[bytes]]
) -> None:
    _, written = redacted_rows(redactor, ROWS)
    with pytest.raises(TuneGateError, match="not a map of a redaction, or it breaks off") as raised:
        MapReader(io.BytesIO(b"".join(broken(written.splitlines(keepends=True)))), "map.jsonl")
    assert "@" not in str(raised.value.errors)


def test_changes_that_do_not_fit_their_row_are_refused(redactor: Make) -> None:
    made, written = redacted_rows(redactor, ROWS)
    for before, after in ((b"<EMAIL", b"<EMAIX"), (b"[[", b"[[1"), (b"[[", b"[[-")):
        with pytest.raises(TuneGateError, match="does not fit"):
            back(b"".join(made), written.replace(before, after))
