"""Values that JSON escapes hide in texts which are no JSON as a whole: found, taken out, and nothing else changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.privacy.escapes import found_in, plain
from service.privacy.found import Found
from service.privacy.redaction.row import Redactor, Scan

Make = Callable[..., Redactor]
AT = r"ada\u0040b.cd"
FENCE = "```"


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def content(row: Any) -> str:
    text: str = row["messages"][0]["content"]
    return text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (rf'{FENCE}json{{"to": "{AT}", "p": "a\/b"}}{FENCE}', rf'{FENCE}json{{"to": "#1", "p": "a\/b"}}{FENCE}'),
        (rf'{{"to": "{AT}", "then', '{"to": "#1", "then'),
        (rf'{{"to": "{AT}"}} {{"to": "bob@b.cd"}}', '{"to": "#1"} {"to": "#2"}'),
        (rf'"{AT}"', '"#1"'),
        # the letter of an escape is none of the value's
        (r'see {"t": "x\nada@b.cd\n"', r'see {"t": "x\n#1\n"'),
        (r'see {"t": "id\n536-90-4399\t"', r'see {"t": "id\n<US_SSN_1>\t"'),
        # a backslash in prose is one
        ("mail CORP\\nancy@b.cd now", "mail CORP#1 now"),
        (r"C:\users\bob@b.cd", r"C:\users#1"),
        # JSON in a string of JSON that breaks off
        (r'{"arguments": "{\"to\": \"ada\\u0040b.cd\", \"n', r'{"arguments": "{\"to\": \"#1\", \"n'),
        (r'{"a": "ada\\u0040b.cd', r'{"a": "#1'),
        # equal values have equal tags however they are spelled
        (rf'ada@b.cd {{"to": "{AT}", "cc": "\u0061da@b.cd"', '#1 {"to": "#1", "cc": "#1"'),
    ],
)
def test_they_go_and_every_byte_around_them_stays(redactor: Make, text: str, made: str) -> None:
    made = made.replace("#1", "<EMAIL_ADDRESS_1>").replace("#2", "<EMAIL_ADDRESS_2>")
    assert content(redactor().redacted(said(text)).row) == made


DOCUMENT = st.recursive(
    st.sampled_from(["ada@b.cd", "x\nada@b.cd\n", "\u00e9 ada@b.cd/", 'say "ada@b.cd"', "Hi\t\\", "536-90-4399\r"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=6,
)


@given(DOCUMENT, st.integers(1, 2), st.integers(0, 40), st.sampled_from(["u", "x"]))
def test_no_cut_of_a_document_hides_them(redactor: Make, document: Any, depth: int, cut: int, spelled: str) -> None:
    text = json.dumps(document)
    if spelled == "u":
        text = text.replace("@", "\\u0040").replace("-", "\\u002d")
    for _ in range(depth - 1):
        text = json.dumps({"arguments": text})
    left = content(redactor().redacted(said(f"See: {text[: len(text) - cut]}")).row)
    assert "536-90-4399" not in plain(left)
    assert "@b.cd" not in plain(left)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("ada@b.cd", [(0, 8)]),
        (rf'{{"a": "\\n{AT}"', [(10, 23)]),
        (rf'{{"a": "\n{AT}\n", "b": "bob@b.cd"', [(9, 22), (33, 41)]),
        (r'"\ud83d\ude00ada@b.cd"', [(13, 21)]),
        (r'"\ud83dada@b.cd"', [(7, 15)]),
        # nothing says that these are JSON
        (r"\ud83dada@b.cd", [(0, 14)]),
        (r"6\" \nada@b.cd", [(4, 14)]),
    ],
)
def test_a_finding_is_a_place_of_the_text_as_it_is_written(
    quick: Scan, text: str, places: list[tuple[int, int]]
) -> None:
    found = found_in(text, lambda one: quick(one, ()))
    assert [(one.start, one.end) for one in found] == places


@given(st.text(st.sampled_from('ab@.\\"/nu0041\n'), max_size=30))
def test_what_has_no_escape_is_scanned_once_and_as_it_is(text: str) -> None:
    seen: list[str] = []

    def scan(one: str) -> list[Found]:
        seen.append(one)
        return [Found("X", 0, len(one), 1.0, "")] if one else []

    found = found_in(text, scan)
    assert seen[0] == text
    assert len(seen) <= 4
    assert [(one.start, one.end) for one in found] == ([(0, len(text))] if text else [])


def test_a_long_text_full_of_escapes_takes_no_time(redactor: Make) -> None:
    text = '{"a": "' + r"x\nada\u0040b.cd\"" * 20_000
    assert "u0040" not in content(redactor().redacted(said(text)).row)
