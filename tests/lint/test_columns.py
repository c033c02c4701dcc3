"""The types of columns, the common ends of answers, and the colours of images: small readers with laws."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.lint.affixes import Affixes
from service.lint.colours import colour_mode
from service.lint.columns import column_kinds, mixed, shown
from service.lint.fast import Limits, plain
from service.lint.gate import NO_FAMILY

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("row", "places"),
    [
        ({"a": [{"b": 1}, {"b": "x"}]}, {"/a/*/b": ["number", "string"]}),
        ({"a": [{"b": {"c": 1}}, {"b": [{"c": "x"}]}]}, {"/a/*/b": ["array", "object"]}),
        ({"a": [1, None, 2.5], "b": None}, {}),
        ({"my name": [1, "x"]}, {"/?/*": ["number", "string"]}),
        ({"my name": 1, "your name": "x"}, {}),
        ({"a": [True, 1]}, {"/a/*": ["boolean", "number"]}),
    ],
)
def test_a_column_of_two_types_is_named_where_it_begins(row: dict[str, Any], places: dict[str, list[str]]) -> None:
    assert {shown(column): kinds for column, kinds in mixed(column_kinds(row)).items()} == places


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), min_size=2, max_size=4))
def test_the_columns_of_rows_are_those_of_their_list(rows: list[dict[str, Any]]) -> None:
    joined: dict[Any, set[str]] = {}
    for row in rows:
        for column, kinds in column_kinds(row).items():
            joined.setdefault(("rows", None, *column), set()).update(kinds)
    whole = {column: kinds for column, kinds in column_kinds({"rows": rows}).items() if len(column) > 2}
    assert joined == whole


@given(st.lists(st.text("ab\u00e9", max_size=6), max_size=6), st.integers(0, 6))
def test_common_ends_do_not_depend_on_the_parts(texts: list[str], cut: int) -> None:
    parts = [Affixes(), Affixes()]
    for i, text in enumerate(texts):
        parts[i >= cut].add(text)
    parts[0].merge(parts[1])
    start, end = parts[0].lengths
    assert parts[0].count == len(texts)
    if len(texts) < 2:
        assert (start, end) == (0, 0)
        return
    assert len({text[:start] for text in texts}) == 1
    assert len({text[len(text) - end :] for text in texts}) == 1
    # one character more is no longer common
    assert min(map(len, texts)) == start or len({text[: start + 1] for text in texts}) > 1
    assert min(map(len, texts)) == end or len({text[-end - 1 :] for text in texts}) > 1


def png(colour: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 8, colour, 0, 0, 0)


def jpeg(components: int, *, profile: int = 0) -> bytes:
    before = b"\xff\xe2" + struct.pack(">H", profile + 2) + b"\0" * profile if profile else b""
    return b"\xff\xd8" + before + b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 1, 1, components) + b"\0" * 12


@pytest.mark.parametrize(
    ("raw", "mode"),
    [
        (png(0), "grey"), (png(2), "RGB"), (png(3), "palette"), (png(4), "grey with alpha"), (png(6), "RGBA"),
        (jpeg(1), "grey"), (jpeg(3), "RGB"), (jpeg(4), "CMYK"), (jpeg(4, profile=60_000), "CMYK"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "RGB"), (b"\xff\xd8\xff", None), (b"\x89PNG", None), (b"GIF89a", None),
    ],
)  # fmt: skip
def test_the_colours_of_an_image_are_read_from_its_head(raw: bytes, mode: str | None) -> None:
    assert colour_mode(base64.b64encode(raw + b"\0" * 40 if mode else raw).decode()) == mode


@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda raw: base64.b64encode(b"\xff\xd8\xff" + raw).decode()))
def test_no_text_breaks_the_reading_of_colours(encoded: str) -> None:
    assert colour_mode(encoded) in {None, "RGB", "RGBA", "grey", "grey with alpha", "palette", "CMYK"}


def test_an_image_never_rides_on_the_fast_path() -> None:
    row = (
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"Hi?"}]},{"role":"assistant","content":"Yes."}]}'
    )
    assert plain(row, NO_FAMILY, Limits()) is None
