"""Lines of a file: what cannot be read is never passed on, and what holds nothing is the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from service.errors import TuneGateError
from service.privacy.redaction.copy import LONGEST_LINE, Copier, lines
from service.privacy.redaction.row import Redactor

Make = Callable[..., Redactor]
PLAIN = b'{"a" :1.0,\t"b":"\\u00e9\\/", "c": 1e5, "d":12345678901234567890}'


def copied(redactor: Redactor, content: bytes) -> tuple[Copier, bytes]:
    copier = Copier(redactor)
    return copier, b"".join(copier.blocks(io.BufferedReader(io.BytesIO(content)), "in.jsonl"))  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [b"", b"\n", b" \t\n\n"])
def test_what_holds_nothing_is_copied_byte_for_byte(redactor: Make, mark: bytes, end: bytes, last: bytes) -> None:
    content = mark + end.join([PLAIN, b"", b"[1]", b'"text"', b'{"a": NaN}']) + last
    copier, made = copied(redactor(), content)
    assert made == content
    assert (copier.rows, copier.changed_rows, copier.counts) == (4, 0, {})


def test_around_what_goes_every_byte_stays(redactor: Make) -> None:
    content = b'\xef\xbb\xbf{"a" :1.0,\t"b":"\\u00e9 ada@b.cd\\/", "c": 1e5, "d":12345678901234567890}\r\n'
    assert copied(redactor(), content)[1] == content.replace(b"ada@b.cd", b"<EMAIL_ADDRESS_1>")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"ada@b.cd", "not JSON"),
        (b'{"a": "ada@b.cd"', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": 1, "a": "ada@b.cd"}', "a key stands twice in one object"),
        (b'[{"a": {"\\u0061": 1, "a": 2}}]', "a key stands twice in one object"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 600 + b'"ada@b.cd"' + b"}" * 600, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "a number of thousands of digits"),
        (b'"' + b"x" * LONGEST_LINE + b'"', "longer than 32 MiB"),
    ],
)
def test_rows_that_cannot_be_read_are_told_and_nothing_follows_them(redactor: Make, raw: bytes, why: str) -> None:
    copier, made = copied(redactor(), b'{"a": 1}\n' + raw + b'\n{"b": "ada@b.cd"}\n' + raw)
    assert [tuple(row) for row in copier.unreadable] == [(2, why), (4, why)]
    assert made.strip() == b'{"a": 1}'


def test_all_unreadable_rows_are_counted_and_some_listed(redactor: Make) -> None:
    copier, _ = copied(redactor(), b"x\n" * 50)
    assert (len(copier.unreadable), copier.unreadable_rows) == (20, 50)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-be"), "UTF-16"),
        ("{}".encode("utf-32"), "UTF-16"),
        (b"PAR1....PAR1", "Parquet"),
    ],
)
def test_what_has_no_lines_of_utf8_is_refused(redactor: Make, content: bytes, said: str) -> None:
    with pytest.raises(TuneGateError, match=said):
        copied(redactor(), content)


def test_a_line_that_is_too_long_is_not_held() -> None:
    stream = io.BufferedReader(io.BytesIO(b"x" * 5_000_000 + b"\nab\n"))  # type: ignore[arg-type]
    assert [(len(raw), end) for raw, end in lines(stream, 10)] == [(11, b""), (2, b"\n")]
