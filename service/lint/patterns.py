"""What is looked for in text."""

from __future__ import annotations

import re

_OBJECTS = r"\b(?:instructions?|prompts?|rules|messages?)\b"
_INJECTION = (
    r"\b(?:ignore|disregard|forget)\b.{0,%d}\b(?:previous|prior|above|earlier|all|your|my|the system)\b.{0,%d}"
    + _OBJECTS
    + r"|\bjailbreak\b|\bdeveloper mode\b|\b(?:print|reveal|repeat|show)\b.{0,%d}\bsystem prompt\b"
)
# ASCII: else a dotless i or a Kelvin sign would match, which the patterns of a line's bytes cannot see
_FOLD = re.IGNORECASE | re.ASCII
INJECTION = re.compile(_INJECTION % (20, 20, 20), _FOLD | re.DOTALL)
BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language) (?:language )?(?:model|assistant)\b", _FOLD
)
REFUSAL = re.compile(
    r"\s*(?:i['\u2019]?m sorry|i am sorry|sorry,? (?:but )?i\b|i apologi[sz]e|i am (?:not able|unable)"
    r"|i['\u2019]m (?:not able|unable)|i can(?:no|['\u2019])t (?:help|assist|do|provide|answer))",
    re.IGNORECASE,
)
SLOTS = ("name", "date", "time", "address", "email", "phone", "company", "product", "customer", "user", "city")
HEADS = (*(slot.upper() for slot in SLOTS), "INSERT", "YOUR", "FIRST", "LAST", "ORDER", "insert ", "your ")
_NOT_AFTER = r"(?<![\w{$\\])"
PLACEHOLDER = re.compile(
    rf"\[(?:{'|'.join(HEADS)})[A-Za-z0-9 _]{{0,30}}\]|\{{\{{ ?[A-Za-z_.]+ ?\}}\}}"
    rf"|{_NOT_AFTER}\{{(?:{'|'.join(SLOTS)})\}}"
    r"|\bTODO\b|\bFIXME\b|\blorem ipsum\b|\bXXXX+\b"
)
# zero-width space, marks of direction, word joiners, stray byte-order marks, tag characters; joiners (U+200C, U+200D)
# carry meaning in emoji and several scripts
INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
# UTF-8 read as Latin-1 or Windows-1252, and the replacement character
MOJIBAKE = re.compile(
    "\u00c3[\u0080-\u00bf\u0192\u201a\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d]"
    "|\u00e2\u20ac[\u0080-\u00bf\u2122\u0153\u201c\u009d\u00a6\u201d\u02dc]|\u00c2[\u00a0-\u00bf]|\ufffd"
)
_MARKUP = r"</?(?:br|p|div|span|li|ul|ol|td|tr|table|a|b|i|em|strong|h[1-6]|img)\b[^<>]{0,%d}>"
_MARKUP += r"|&(?:nbsp|amp|lt|gt|quot|#\d{2,4});"
MARKUP = re.compile(_MARKUP % 80, _FOLD)
RUN_LENGTH = 240
BLOB = re.compile(rf"<script\b|;base64,|[A-Za-z0-9+/]{{{RUN_LENGTH}}}", _FOLD)
# hints at the four kinds of harm that Azure scans training data for; spaces are plain ones, which a line shows as such
_VICTIM = r"(?:yourself|myself|himself|herself|themselves|him|her|them|people|my|your|his)\b"
_HARM = rf"(?:kill(?:ed|ing)? {_VICTIM}|behead|massacre|pipe bombs?\b|mass shooting|child porn|pornograph|nudes\b"
_HARM += r"|nude (?:photo|pic|image|selfie)|rap(?:ed?|ing|ists?)\b|incest|molest|genocid|ethnic cleansing|subhumans?\b"
_HARM += r"|white power\b|suicid|self[- ]harm)"
HARM = re.compile(rf"\b{_HARM}", _FOLD)
_CUT = (",", " the", " a", " an", " and", " of", " to")
_LOOP_LENGTH, _LOOP_TIMES, _LOOP_FROM = 24, 4, 120

# A line's bytes differ from its text: a letter takes up to four bytes, so distances are four times as long, and a word
# may follow the letter of an escaped line feed.
_EDGE = r"(?:\b|(?<=\\[bfnrt]))"
_INJECTION_LINE = re.compile((_INJECTION % (80, 80, 80)).replace(r"\b", _EDGE).encode(), re.IGNORECASE | re.DOTALL)
_MARKUP_LINE = re.compile((_MARKUP % 320).encode() + rb"|<script\b|<tool_calls?>", re.IGNORECASE)
_PLACEHOLDER_LINE = re.compile(PLACEHOLDER.pattern.replace(r"\b", _EDGE).replace(_NOT_AFTER, "").encode())
_HARM_LINE = re.compile((_EDGE + _HARM).encode(), re.IGNORECASE)
# the same for the gate, whose language has no lookbehind
HARM_GATE = (r"(?:\b|\\[bfnrt])" + _HARM).encode()
# told apart from ordinary prose only by their surroundings
_PLAIN = (b"```", b"\\b", b"\\f", b"\\/", b"[INST", b"[/INST")
_RUN = re.compile(rb"[A-Za-z0-9+/]{%d}" % RUN_LENGTH)
_MODEL = re.compile(rb"as an? (?:ai|artificial|large)", re.IGNORECASE)
_NON_ASCII = re.compile(
    rb"\xe2\x80[\x8b\x8e\x8f\xaa-\xae]|\xe2\x81[\xa0-\xa9]|\xef\xbb\xbf|\xef\xbf\xbd|\xf3\xa0[\x80\x81]"
    rb"|\xc3\x83|\xc3\xa2\xe2\x82\xac|\xc3\x82"
)


def repeats(text: str) -> bool:
    """Whether the end of a text stands in it over and over."""
    tail = text.rstrip()[-_LOOP_LENGTH:]
    return len(text) >= _LOOP_FROM and len(set(tail)) > 3 and text.count(tail) >= _LOOP_TIMES


def cut_off(text: str) -> bool:
    """Whether an answer seems to stop in the middle: an open code fence, a comma, an article."""
    return text.count("```") % 2 == 1 or text.rstrip().endswith(_CUT)


def suspicious(line: bytes) -> bool:
    """Whether a line that the gate held back may really hold anything that is looked for in text."""
    if any(word in line for word in _PLAIN) or (b"base64," in line.lower()):
        return True
    return (
        _PLACEHOLDER_LINE.search(line) is not None
        or _MODEL.search(line) is not None
        or _INJECTION_LINE.search(line) is not None
        or _MARKUP_LINE.search(line) is not None
        or _HARM_LINE.search(line) is not None
        or _NON_ASCII.search(line) is not None
        or _RUN.search(line) is not None
    )
