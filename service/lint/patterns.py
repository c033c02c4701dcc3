"""What is looked for in text."""

from __future__ import annotations

import re


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
    r"\bas an? (?:ai|artificial intelligence|large language) (?:language )?(?:model|assistant)\b"
    r"|\bas of my last (?:knowledge |training )?(?:update|cut-?off|data)\b|\bmy (?:knowledge|training) cut-?off\b",
    re.IGNORECASE | re.ASCII,
)
REFUSAL = re.compile(
    r"\s*(?:i['\u2019]?m sorry|i am sorry|sorry,? (?:but )?i\b|i apologi[sz]e|i am (?:not able|unable)"
    r"|i['\u2019]m (?:not able|unable)|i can(?:no|['\u2019])t (?:help|assist|do|provide|answer))",
    re.IGNORECASE,
)
SLOTS = ("name", "date", "time", "address", "email", "phone", "company", "product", "customer", "user", "city")
# [Name], [Your Name], [Company Name] as templates of letters have them, but no link and no footnote
TITLES = rf"\[(?:Your |Insert )?(?:{'|'.join(slot.title() for slot in SLOTS)})"
HEADS = (*(slot.upper() for slot in SLOTS), "INSERT", "YOUR", "FIRST", "LAST", "ORDER", "insert ", "your ")
PLACEHOLDER = AnyOf(
    rf"\[(?:{'|'.join(HEADS)})[A-Za-z0-9 _]{{0,30}}\]",
    r"\{\{ ?[A-Za-z_.]+ ?\}\}",
    rf"\{{(?<![\w{{$\\]\{{)(?:{'|'.join(SLOTS)})(?:_(?:name|id|number|address))?\}}",
    rf"{TITLES}(?: [A-Z][a-z]{{1,15}}){{0,2}}\](?![(\[:])",
    r"TODO(?<!\wTODO)\b", r"FIXME(?<!\wFIXME)\b", r"lorem ipsum(?<!\wlorem ipsum)\b",
    r"Lorem ipsum(?<!\wLorem ipsum)\b", r"XXXX(?<!\wXXXX)X*\b",
)  # fmt: skip
# zero-width space, marks of direction, word joiners, stray byte-order marks, tag characters; joiners (U+200C, U+200D)
# carry meaning in emoji and several scripts
INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
# flags of regions are spelt with tag characters behind a black flag
FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
# marks, embeddings and isolates of direction, which text of scripts that run from right to left is written with; the
# two overrides are not among them: they turn letters round that are in order
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202c\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
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
# <s> as HTML strikes text through within a line, and in `Vec<s>` it is a type
_OTHER_S = r"(?<=\S)[^\S\n]?<s>[^<\n]*</s>(?=[^\S\n]*[^\s<])|(?<=\w)<s>(?!\s*\[INST\])"
_SPECIAL_OR_OTHER = re.compile(f"({_OTHER_S})|{SPECIAL.pattern}")
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
CALL = AnyOf(r"<tool_calls?>", r"```(?:json)?\s*\{\s*\"(?:name|function)\"[^`]{0,400}\"arguments\"")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# hints at the four kinds of harm that Azure scans training data for
_VICTIM = r"(?:yourself|myself|himself|herself|themselves|him|her|them|people|my|your|his)\b"
HARM_WORDS = rf"(?:kill(?:ed|ing)? {_VICTIM}|behead|massacre|pipe bombs?\b|mass shooting|child porn|pornograph|nudes\b"
HARM_WORDS += r"|nude (?:photo|pic|image|selfie)|rap(?:ed?|ing|ists?)\b|incest|molest|genocid|ethnic cleansing"
HARM_WORDS += r"|subhumans?\b|white power\b|suicid|self[- ]harm)"
HARM = re.compile(rf"\b{HARM_WORDS}", re.IGNORECASE | re.ASCII)
FENCE = re.compile("```")
_CUT = (",", " the", " a", " an", " and", " of", " to")
_CUT_ENDINGS = frozenset(one[-1] for one in _CUT)
_LOOP_LENGTH, _LOOP_TIMES, _LOOP_FROM = 24, 4, 120


def without_code(text: str) -> str:
    """The prose of a text: what stands in fences and between backticks is quoted, not said."""
    return CODE.sub(" ", text)


def visible(text: str) -> str:
    """The text without its invisible characters; those that its script or a flag is written with stay."""
    if not INVISIBLE.search(text):
        return text
    kept = _DIRECTION if _RIGHT_TO_LEFT.search(text) else None
    flags = {place for flag in FLAG.finditer(text) for place in range(*flag.span())}

    def shown(found: re.Match[str]) -> str:
        return found[0] if found.start() in flags or (kept and kept.match(found[0])) else ""

    return INVISIBLE.sub(shown, text)


def template_tokens(text: str) -> list[str]:
    """The tokens of chat templates in a text."""
    if not SPECIAL.search(text):
        return []
    return [found[0] for found in _SPECIAL_OR_OTHER.finditer(text) if found[1] is None]


def apart(text: str) -> str:
    """The text with a space behind the first bracket of every template token, so that no tokenizer takes it for one."""
    return _SPECIAL_OR_OTHER.sub(lambda found: found[0] if found[1] else f"{found[0][0]} {found[0][1:]}", text)


def repeats(text: str) -> bool:
    """Whether a text ends with one stretch over and over."""
    if len(text) < _LOOP_FROM:
        return False
    text = text.rstrip()
    # nearly every text is done here
    if not _end_returns(text):
        return False
    tail = text[-_LOOP_LENGTH:]
    # rows of a table may end alike; a loop repeats all that stands between
    period = len(text) - _LOOP_LENGTH - text.rfind(tail, 0, len(text) - 1)
    return len(set(tail)) > 3 and text.endswith(text[-period:] * _LOOP_TIMES)


def _end_returns(text: str) -> bool:
    """Whether a text's last characters stand before too, as near as the last round of a loop is long."""
    end = len(text) - _LOOP_LENGTH
    return text.find(text[-_LOOP_LENGTH:], end - len(text) // _LOOP_TIMES) < end


def cut_off(text: str) -> bool:
    """Whether an answer seems to stop in the middle: a comma, an article."""
    return text.rstrip().endswith(_CUT)


def may_end_badly(text: str) -> bool:
    """Whether an answer is cut off or repeats its end.

    Every answer is asked, and nearly all are done after two looks: at the last character, and for the end before it.
    """
    last = text[-1:]
    if last in _CUT_ENDINGS or last.isspace():
        text = text.rstrip()
        return text.endswith(_CUT) or repeats(text)
    return len(text) >= _LOOP_FROM and _end_returns(text) and repeats(text)


def open_fence(text: str) -> bool:
    """Whether a code fence is opened and not closed."""
    return text.count(FENCE.pattern) % 2 == 1
