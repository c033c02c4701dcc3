"""What is said to Vectorscan covers what `regex` matches, or is not said at all."""

# ruff: noqa: E501, RUF001  # texts that look alike are what this is about

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from service.privacy.expressions import DOTALL, IGNORECASE, MULTILINE, gate_expression
from service.privacy.plan import Expression
from service.privacy.vectorscan import Database, compiles

FLAGS = IGNORECASE | MULTILINE | DOTALL
PIECES = [
    "a", "K", "s", "0", r"\d", r"\w", r"\s", r"\W", r"\b", "[a-f]", "[^x]", r"[\w.-]", ".", "^", "$", r"\.", "(?=a)", "(?!b)",
    "(?<=a)", "(?<!k)", "(a|s1)", "(?:0|k)", r"(\w)\1", "(?i:k)", r"\A", r"\Z", r"\x41", "a{2}", "a{,2}", "b{2,100}", r"\B",
    r"\d{70}", "{", "[[a]", "a++", r"\p{L}", "(?P<n>a)(?P=n)", r"\D", "é", "[--z]",
]  # fmt: skip
LETTERS = "aksKSbx01. -\n_zé9Kſ\u0661\u0301"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (r"\d{2,100}", r"\d{2,}"),
        (r"a{,3}", r"a{0,3}"),
        (r"[{2,100}]", r"[{2,100}]"),
        (r"(?:foo){e<=1}", None),
        (r"[\w--[a-z]]", None),
        (r"\p{L}", None),
        (r"a++", None),
        (r"a(?i)b", None),
        (r"(?i)ab", r"(?i)ab"),
        (r"straße", None),
        (r"\v", None),
        (r"((a{50}){50}){50}", None),
    ],
)
def test_a_strangers_expression_is_said_or_refused(expression: str, said: str | None) -> None:
    assert gate_expression(expression, FLAGS, audited=False) == said


@pytest.mark.parametrize(
    "flag", [regex.VERBOSE, regex.ASCII, regex.VERSION1, regex.FULLCASE, regex.WORD, regex.BESTMATCH]
)
def test_flags_that_change_the_language_are_refused(flag: int) -> None:
    assert gate_expression("a b", int(flag), audited=False) is None


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", "", "", "+", "?", "*", "{1,3}"])), max_size=5),
    st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=12),
    st.sampled_from([0, FLAGS, IGNORECASE, MULTILINE]),
)
def test_whatever_regex_matches_is_seen(parts: list[tuple[str, str]], texts: list[str], flags: int) -> None:
    expression = "".join(piece + repeat for piece, repeat in parts)
    try:
        compiled = regex.compile(expression, flags)
    except regex.error:
        return
    said = gate_expression(expression, flags, audited=False)
    if said is None or not compiles(Expression(said, flags)):
        return
    ascii_only = Database.of([Expression(said, flags)], unicode_classes=False)
    every = Database.of([Expression(said, flags)], unicode_classes=True)
    for text in texts:
        match = compiled.search(text)
        if match and match.group():
            assert not text.isascii() or ascii_only.matching(text.encode()) == [0]
            # combining marks are replaced before the gate looks
            assert every.matching(text.replace("\u0301", "\u4e00").encode()) == [0]
