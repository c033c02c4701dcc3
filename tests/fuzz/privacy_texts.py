"""Texts for the privacy scan's equality: chat with personal data in it, and members of each pattern, disturbed."""

# ruff: noqa: E501, RUF001, SIM905  # texts that look alike are what this is about

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

WORDS = (
    "the a of to in is for on with as at by from or an be this that you can use when if not are it will file name value "
    "default option phone number card license passport account bank email call mobile id driver social security iban "
    "please note version v2 v12345 release 3.11 2024 section step list model server"
).split()
# by language: words that recognizers take for context
LOCAL = {
    "de": "die der und ist nicht mit Telefon Steuer Ausweis Reisepass Führerschein Nummer Straße über".split(),
    "ko": "전화 번호 주민등록번호 여권 사업자 운전면허 이름 그리고 있습니다".split(),
    "es": "el la de que teléfono número tarjeta pasaporte identificación señor mañana".split(),
}
ITEMS = (
    "joe.doe@example.com", "+1 212 555 0123", "(415) 555-2671", "020 7946 0018", "536-90-4399", "4111 1111 1111 1111",
    "DE89370400440532013000", "10.20.30.40", "2001:db8::ff00:42:8329", "https://www.example.org/a?b=c", "example.co.uk",
    "12/03/1987", "D1234567", "A12345678", "00:1b:44:11:3a:b7", "123e4567-e89b-12d3-a456-426614174000", "943 476 5919",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "F12345678", "900101-1234568", "12345678Z", "X1234567L", "030 1234567",
)  # fmt: skip
DIGITS = ("٠", "०", "０", "𝟎", "໐")  # zeros; the other nine follow each
# of scripts that are younger than Vectorscan's tables
YOUNG_DIGITS = ("\U0001e4f0", "\U00011f50", "\U00010d40")
SPACES = ("\u00a0", "\u2003", "\u3000", "\u200b", "\u2028", "\t", "\n", "\r\n", "\x85", "\x1f")
ODD = (
    "K",
    "ſ",
    "İ",
    "ı",
    "ß",
    "ẞ",
    "Å",
    "\u0301",
    "\u200d",
    "\ufe0f",
    "é",
    "한",
    "中",
    "²",
    "¼",
    "_",
    "\ud800",
    "😀",
    "𞤀",
    "ǰ",
)
DASHES = ("-", "\u2010", "\u2013", "\u2212", "\u30fc", ".", "/", " ")


def chat(seed: int, count: int, share: float, language: str = "en") -> Iterator[str]:
    """Messages of ordinary words, an item in a share of them."""
    chance = random.Random(seed)
    words = [*WORDS, *LOCAL.get(language, ()) * 2]
    for _ in range(count):
        text = chance.choices(words, k=chance.randint(3, 70))
        if chance.random() < share:
            text.insert(chance.randrange(len(text)), chance.choice(ITEMS))
        yield " ".join(text)


def edges() -> Iterator[str]:
    """Every item with one character at a time exchanged for one that the engines have read apart."""
    for number, item in enumerate(ITEMS):
        for place, here in enumerate(item):
            if here.isdecimal():
                changes = [chr(ord(YOUNG_DIGITS[(number + place) % 3]) + int(here))]
            elif here.isalpha():
                changes = ["\u0130", "\u0131", f"{here}\u0301"]
            else:
                changes = [f"{here}\u0301", f"\u0301{here}"]
            for change in changes:
                yield f"driver license ssn phone {item[:place]}{change}{item[place + 1 :]} \u00e9"


def adversarial(seed: int, count: int, patterns: Sequence[str], context: Sequence[str]) -> Iterator[str]:
    """Members of the patterns among context words, most of them disturbed in a place or more."""
    chance = random.Random(seed)
    for _ in range(count):
        found = [chance.choice(ITEMS) if chance.random() < 0.2 else member(chance, chance.choice(patterns))]
        if chance.random() < 0.3:
            found.append(member(chance, chance.choice(patterns)))
        around = [chance.choice(context) if context and chance.random() < 0.6 else chance.choice(WORDS) for _ in "12"]
        glue = chance.choice((" ", " ", " ", ": ", "", ", ", *SPACES))
        yield disturbed(chance, glue.join((around[0], *found, around[1])))


def disturbed(chance: random.Random, text: str) -> str:
    """None to three changes of the kinds that separate two regular expression engines."""
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        if not text:
            break
        place = chance.randrange(len(text))
        here = text[place]
        kinds = {
            "digit": chr(ord(chance.choice(DIGITS)) + int(here)) if here.isdecimal() and here.isascii() else here,
            "space": chance.choice(SPACES) if here.isspace() else here,
            "dash": chance.choice(DASHES) if here in "-./ " else here,
            "odd": here + chance.choice(ODD),
            "replace": chance.choice(ODD),
            "fold": {"i": "İ", "I": "ı", "k": "K", "K": "K", "s": "ſ", "S": "ſ"}.get(here, here),
            "case": here.swapcase(),
            "drop": "",
            "newline": here + "\n",
        }
        text = text[:place] + chance.choice(list(kinds.values())) + text[place + 1 :]
    return text


def member(chance: random.Random, pattern: str) -> str:
    """A text that the pattern matches, or nearly so: assertions are not looked at."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = re._parser.parse(pattern)
    except re.error:
        return chance.choice(ITEMS)
    return _sequence(chance, tree, {})


def _sequence(chance: random.Random, tree: Any, groups: dict[int, str]) -> str:
    return "".join(_node(chance, str(kind), argument, groups) for kind, argument in tree)


def _node(chance: random.Random, kind: str, argument: Any, groups: dict[int, str]) -> str:
    match kind:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL" | "ANY":
            return chance.choice("aZ0 -_.é中")
        case "IN":
            return _of_class(chance, argument)
        case "BRANCH":
            return _sequence(chance, chance.choice(argument[1]), groups)
        case "SUBPATTERN":
            made = _sequence(chance, argument[3], groups)
            if argument[0] is not None:
                groups[argument[0]] = made
            return made
        case "GROUPREF":
            return groups.get(argument, "")
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, body = argument
            return "".join(
                _sequence(chance, body, groups) for _ in range(chance.randint(least, min(int(most), least + 4)))
            )
        case "ATOMIC_GROUP":
            return _sequence(chance, argument, groups)
        case _:
            return ""


def _of_class(chance: random.Random, argument: Any) -> str:
    if str(argument[0][0]) == "NEGATE":
        return chance.choice("aZ0 -_.é中")
    kind, value = chance.choice(argument)
    match str(kind):
        case "RANGE":
            return chr(chance.randint(*value))
        case "LITERAL":
            return chr(value)
        case _:
            named = {"CATEGORY_DIGIT": "0123456789٣", "CATEGORY_SPACE": " \t\n\u00a0", "CATEGORY_WORD": "aZ_9é中\u0301"}
            return chance.choice(named.get(str(value), "-. "))
