"""What is looked for in text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class AnyOf:
    """Several expressions, each with literal characters first: searched one by one they are ten times as fast as one
    expression of alternatives, for which Python's engine stops at every character.
    """

    def __init__(self, *expressions: str) -> None:
        self._patterns = [re.compile(expression) for expression in expressions]

    def search(self, text: str) -> re.Match[str] | None:
        """The first match of any."""
        for pattern in self._patterns:
            if found := pattern.search(text):
                return found
        return None


_OBJECTS = r"\b(?:instructions?|prompts?|rules|messages?)\b"
_INJECTION = (
    r"\b(?:ignore|disregard|forget)\b.{0,%d}\b(?:previous|prior|above|earlier|all|your|my|the system)\b.{0,%d}"
    + _OBJECTS
    + r"|\bjailbreak\b|\bdeveloper mode\b|\b(?:print|reveal|repeat|show)\b.{0,%d}\bsystem prompt\b"
)
INJECTION = re.compile(_INJECTION % (20, 20, 20), re.IGNORECASE | re.ASCII | re.DOTALL)
BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language) (?:language )?(?:model|assistant)\b",
    re.IGNORECASE | re.ASCII,
)
REFUSAL = re.compile(
    r"\s*(?:i['\u2019]?m sorry|i am sorry|sorry,? (?:but )?i\b|i apologi[sz]e|i am (?:not able|unable)"
    r"|i['\u2019]m (?:not able|unable)|i can(?:no|['\u2019])t (?:help|assist|do|provide|answer))",
    re.IGNORECASE,
)
SLOTS = ("name", "date", "time", "address", "email", "phone", "company", "product", "customer", "user", "city")
HEADS = (*(slot.upper() for slot in SLOTS), "INSERT", "YOUR", "FIRST", "LAST", "ORDER", "insert ", "your ")
PLACEHOLDER = AnyOf(
    rf"\[(?:{'|'.join(HEADS)})[A-Za-z0-9 _]{{0,30}}\]",
    r"\{\{ ?[A-Za-z_.]+ ?\}\}",
    rf"\{{(?<![\w{{$\\]\{{)(?:{'|'.join(SLOTS)})\}}",
    r"TODO(?<!\wTODO)\b", r"FIXME(?<!\wFIXME)\b", r"lorem ipsum(?<!\wlorem ipsum)\b", r"XXXX(?<!\wXXXX)X*\b",
)  # fmt: skip
# zero-width space, marks of direction, word joiners, stray byte-order marks, tag characters; joiners (U+200C, U+200D)
# carry meaning in emoji and several scripts
INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
# UTF-8 read as Latin-1 or Windows-1252, and the replacement character
MOJIBAKE = re.compile(
    "\u00c3[\u0080-\u00bf\u0192\u201a\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d]"
    "|\u00e2\u20ac[\u0080-\u00bf\u2122\u0153\u201c\u009d\u00a6\u201d\u02dc]|\u00c2[\u00a0-\u00bf]|\ufffd"
)
_MARKUP = r"</?(?:br|p|div|span|li|ul|ol|td|tr|table|a|b|i|em|strong|h[1-6]|img)\b[^<>]{0,80}>"
_MARKUP += r"|&(?:nbsp|amp|lt|gt|quot|#\d{2,4});"
MARKUP = re.compile(_MARKUP, re.IGNORECASE | re.ASCII)
RUN_LENGTH = 240
BLOB = re.compile(rf"<script\b|;base64,|[A-Za-z0-9+/]{{{RUN_LENGTH}}}", re.IGNORECASE | re.ASCII)
# turn markers and sentence tokens of the common chat templates
SPECIAL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|end|user|assistant|system|tool|eot_id|start_header_id|end_header_id"
    r"|begin_of_text|end_of_text|endofprompt)\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
)
CALL = AnyOf(r"<tool_calls?>", r"```(?:json)?\s*\{\s*\"(?:name|function)\"[^`]{0,400}\"arguments\"")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# hints at the four kinds of harm that Azure scans training data for
_VICTIM = r"(?:yourself|myself|himself|herself|themselves|him|her|them|people|my|your|his)\b"
_HARM = rf"(?:kill(?:ed|ing)? {_VICTIM}|behead|massacre|pipe bombs?\b|mass shooting|child porn|pornograph|nudes\b"
_HARM += r"|nude (?:photo|pic|image|selfie)|rap(?:ed?|ing|ists?)\b|incest|molest|genocid|ethnic cleansing|subhumans?\b"
_HARM += r"|white power\b|suicid|self[- ]harm)"
HARM = re.compile(rf"\b{_HARM}", re.IGNORECASE | re.ASCII)
_FENCE = re.compile("```")
_CUT = (",", " the", " a", " an", " and", " of", " to")
_CUT_ENDINGS = frozenset(one[-1] for one in _CUT)
_LOOP_LENGTH, _LOOP_TIMES, _LOOP_FROM = 24, 4, 120


def repeats(text: str) -> bool:
    """Whether the end of a text stands in it over and over."""
    if len(text) < _LOOP_FROM:
        return False
    text = text.rstrip()
    tail = text[-_LOOP_LENGTH:]
    # nearly every text is done here: its end stands nowhere else
    if text.find(tail) >= len(text) - _LOOP_LENGTH:
        return False
    return len(set(tail)) > 3 and text.count(tail) >= _LOOP_TIMES


def cut_off(text: str) -> bool:
    """Whether an answer seems to stop in the middle: a comma, an article."""
    return text.rstrip().endswith(_CUT)


def may_end_badly(text: str) -> bool:
    """Whether an answer is cut off or repeats its end.

    Every answer is asked, and nearly all are done after two looks: at the last character, and for the end elsewhere.
    """
    last = text[-1:]
    if last in _CUT_ENDINGS or last.isspace():
        text = text.rstrip()
        return text.endswith(_CUT) or repeats(text)
    return len(text) >= _LOOP_FROM and text.find(text[-_LOOP_LENGTH:]) != len(text) - _LOOP_LENGTH and repeats(text)


def open_fence(text: str) -> bool:
    """Whether a code fence is opened and not closed."""
    return text.count(_FENCE.pattern) % 2 == 1


class Family(NamedTuple):
    """What is looked for in text, and where in the bytes of JSON lines it may be.

    A text in which `found` is true stands in a line in which one of `exact` (or of `any_case`, whatever the case)
    matches; a property test holds the two together. The expressions are Hyperscan's, for raw JSON: a quotation mark in
    a text has a backslash before it there, a line break is two characters and any character may take twelve. Each
    match holds one of `literals`, which are in small letters.
    """

    name: str
    found: Callable[[str], object]
    exact: tuple[str, ...] = ()
    any_case: tuple[str, ...] = ()
    literals: tuple[bytes, ...] = ()


# the twenty characters between the words of an injection, each escaped as a pair
_GAP = r"[^\n]{0,240}"
FAMILIES = (
    Family(
        "special-token",
        SPECIAL.search,
        exact=(r"<\|[a-z_]+\|>", r"\[/?INST\]", "<</?SYS", "</?s>", "<(?:start|end)_of_turn>"),
        literals=(
            b"<|",
            b"[inst]",
            b"[/inst]",
            b"<<sys",
            b"<</sys",
            b"<s>",
            b"</s>",
            b"_of_turn>",
        ),
    ),
    Family(
        "markup",
        MARKUP.search,
        any_case=(
            r"</?(?:br|p|div|span|li|ul|ol|td|tr|table|a|b|i|em|strong|h[1-6]|img)[^a-z0-9]",
            "&(?:nbsp|amp|lt|gt|quot|#)",
        ),
        literals=(
            b"<",
            b"&",
        ),
    ),
    Family(
        "blob",
        BLOB.search,
        exact=(rf"[A-Za-z0-9+/]{{{RUN_LENGTH}}}",),
        any_case=("<script", ";base64,"),
        literals=(
            b"<script",
            b";base64,",
        ),
    ),
    Family(
        "injection",
        INJECTION.search,
        any_case=(
            rf"(?:ignore|disregard|forget){_GAP}(?:instruction|prompt|rules|message)",
            "jailbreak",
            "developer mode",
            "system prompt",
        ),
        literals=(
            b"ignore",
            b"disregard",
            b"forget",
            b"jailbreak",
            b"developer mode",
            b"system prompt",
        ),
    ),
    # a line feed and an escaped character end with a letter or digit in a line, and a word may begin behind them
    Family(
        "harm",
        HARM.search,
        any_case=(rf"(?:\b|\\[nrt]|\\u[0-9a-f]{{4}}){_HARM}",),
        literals=(
            b"kill",
            b"behead",
            b"massacre",
            b"pipe bomb",
            b"mass shooting",
            b"child porn",
            b"pornograph",
            b"nude",
            b"incest",
            b"molest",
            b"genocid",
            b"ethnic cleansing",
            b"subhuman",
            b"white power",
            b"suicid",
            b"self-harm",
            b"self harm",
            b"rap",
        ),
    ),
    Family(
        "boilerplate",
        BOILERPLATE.search,
        any_case=("as an? (?:ai|artificial|large)",),
        literals=(
            b"as a ai",
            b"as an ai",
            b"as a artificial",
            b"as an artificial",
            b"as a large",
            b"as an large",
        ),
    ),
    Family(
        "placeholder",
        PLACEHOLDER.search,
        exact=(
            rf"\[(?:{'|'.join(HEADS)})",
            r"\{\{ ?[A-Za-z_.]",
            rf"\{{(?:{'|'.join(SLOTS)})\}}",
            "TODO",
            "FIXME",
            "lorem ipsum",
            "XXXX",
        ),
        literals=(
            b"[",
            b"{",
            b"todo",
            b"fixme",
            b"lorem ipsum",
            b"xxxx",
        ),
    ),
    Family(
        "invisible",
        INVISIBLE.search,
        exact=(r"\xe2\x80[\x8b\x8e\x8f\xaa-\xae]", r"\xe2\x81[\xa0-\xa9]", r"\xef\xbb\xbf", r"\xf3\xa0[\x80\x81]"),
        literals=(
            b"\xe2\x80",
            b"\xe2\x81",
            b"\xef\xbb\xbf",
            b"\xf3\xa0",
        ),
    ),
    Family(
        "mojibake",
        MOJIBAKE.search,
        exact=(r"\xc3\x83", r"\xc3\xa2\xe2\x82\xac", r"\xc3\x82", r"\xef\xbf\xbd"),
        literals=(
            b"\xc3\x83",
            b"\xc3\xa2\xe2\x82\xac",
            b"\xc3\x82",
            b"\xef\xbf\xbd",
        ),
    ),
    # texts are looked at joined, and a fence that one leaves open another may seem to close: so any fence counts
    Family(
        "fence",
        _FENCE.search,
        exact=(_FENCE.pattern,),
        literals=(b"```",),
    ),
    Family(
        "call",
        CALL.search,
        exact=("<tool_call", r"```(?:json)?(?:\\[nrt]|[ \t])*\{"),
        literals=(
            b"<tool_call",
            b"```",
        ),
    ),
    Family("control", CONTROL.search),
)
# an escape may hide what the others look for: those of ASCII, and those of the characters named above
ESCAPES = (
    r"\\u00[0-7]", r"\\u20(?:0[bef]|2[a-e]|6)", r"\\ufeff", r"\\ufffd", r"\\udb40", r"\\u00c[23]", r"\\u00e2",
    r"[^\\](?:\\\\)*\\[bf/]",
)  # fmt: skip
# told of a whole text at its end, not of its bytes
ENDS = "ends"
