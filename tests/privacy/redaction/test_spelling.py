"""Texts written into JSON: the document says the new thing, and its other bytes are the old ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.privacy.fields import rewritten
from service.privacy.spelling import Edit, Edited, edited, original_places, respelled

WORDS = st.text(st.sampled_from('ab@ "\\/\n\u00e9\u4e2d\U0001f600\ud800\x00'), max_size=8)
LEAF = st.one_of(WORDS, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=12
)


def spelled(value: Any, *, ascii_: bool, indent: int | None) -> str:
    text = json.dumps(value, ensure_ascii=ascii_, indent=indent)
    # a lone surrogate has no other spelling
    return text if ascii_ else "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_a_document_says_the_new_thing(value: Any, ascii_: bool, indent: int | None) -> None:
    def without_mail(text: Any) -> str:
        if text.kind == "number":
            return "7"
        places = [place for place, letter in enumerate(text.text) if letter == "@"]
        return edited(text.text, [Edit(place, place + 1, '<"M">') for place in places])

    row = {"x": value}
    text = spelled(row, ascii_=ascii_, indent=indent)
    old = json.loads(text)
    new = rewritten(old, without_mail)
    made = respelled(text, old, new)
    assert json.loads(made) == new
    made.encode()
    if isinstance(made, Edited):
        assert edited(text, made.edits) == made
    else:
        assert made == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('{"a":"x@y", "b":1.0,"c" :1e5}', '{"a":"<M>", "b":1.0,"c" :1e5}'),
        ('["\\u00e9\\/x@y\\u00e9\\n"]', '["\\u00e9\\/<M>\\u00e9\\n"]'),
        ('["\\ud83d\\ude00x@y"]', '["\\ud83d\\ude00<M>"]'),
        ('["\\ud83dx@y"]', '["\\ud83d<M>"]'),
        ('{"x\\u0040y": [NaN, -Infinity, true, null, 12345678901234567890123]}',
         '{"<M>": [NaN, -Infinity, true, null, 12345678901234567890123]}'),
    ],
)  # fmt: skip
def test_everything_else_keeps_its_spelling(text: str, made: str) -> None:
    def without_mail(one: Any) -> str:
        start = one.text.find("x@y")
        return edited(one.text, [Edit(start, start + 3, "<M>")] if start >= 0 else [])

    old = json.loads(text)
    assert respelled(text, old, rewritten(old, without_mail)) == made


EDITS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4), st.text("<>", max_size=5)), max_size=4)


@given(EDITS, st.integers(0, 40), st.integers(1, 9))
def test_a_place_in_the_new_text_is_found_in_the_old_one(
    drawn: list[tuple[int, int, str]], start: int, size: int
) -> None:
    text = "abcdefghijklmnopqrstuvwxy"
    edits: list[Edit] = []
    for begin, length, new in sorted(drawn):
        if not edits or begin >= edits[-1].end:
            edits.append(Edit(begin, begin + length, new))
    made = edited(text, edits)
    end = min(start + size, len(made))
    if start >= end:
        return
    place = original_places(edits)(start, end)
    kept = made[start:end].replace("<", "").replace(">", "")
    if place is None:
        assert not kept
    else:
        first, last = place
        assert 0 <= first <= last <= len(text)
        assert not kept or all(letter in text[first:last] for letter in kept)
