"""Tells at the speed of reading where in many lines something may be that is looked for in text.

The gate is a superset: a line in which it finds nothing holds no match of service/lint/patterns.py (a property test
holds the two together). It is one Hyperscan database over the expressions of every family; without that library every
line is held back for every family, which changes how long a run takes and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from service.lint.families import ESCAPES, FAMILIES
from service.lint.patterns import CONTROL, RUN_LENGTH

# one number beyond the families stands for an escape that may hide any of them
_ESCAPE = len(FAMILIES)
EVERY_FAMILY = frozenset(range(len(FAMILIES)))
NO_FAMILY: frozenset[int] = frozenset()
_SMALL_BYTES = 1 << 18
_LITERALS = tuple((number, literal) for number, family in enumerate(FAMILIES) for literal in family.literals)
# every escape that ESCAPES finds, with a backslash before it or not
_ESCAPES = re.compile(rb"\\(?:u(?:00(?:[0-7]|c[23]|e2)|20(?:0[bef]|2[a-e]|6)|feff|fffd|db40)|[bf/])")
_BLOB = next(number for number, family in enumerate(FAMILIES) if family.name == "blob")
# the characters of a blob as one, so that a long run is a literal too
_OF_BLOBS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_CLASSES = bytes(0x30 if byte in _OF_BLOBS else byte if byte == 0x0A else 0x20 for byte in range(256))
_RUN = b"0" * RUN_LENGTH


def gate(block: bytes) -> list[tuple[int, int]] | None:
    """(place, family) in a block of lines, sorted; None when nobody could look. Of a line one place is enough."""
    if len(block) < _SMALL_BYTES:
        return _by_literals(block)
    database = _database()
    if database is None:
        return None
    found: list[tuple[int, int]] = []

    def note(number: int, start: int, end: int, flags: int, context: object) -> None:
        del start, flags, context
        if found and found[-1] == (end - 2, number):
            # a long run matches at each of its further characters
            found[-1] = (end - 1, number)
        else:
            found.append((end - 1, number))

    database.scan(block, match_event_handler=note)
    found.sort()
    return found


def prepare() -> None:
    """Make the database now, so that processes that are forked share it."""
    _database()


def families_of(line: bytes) -> frozenset[int]:
    """What may be in a line."""
    found = gate(line)
    return EVERY_FAMILY if found is None else frozenset(family for _, family in found)


def families_in(text: str, families: frozenset[int]) -> frozenset[str]:
    """The names of the families that a text holds, of those that the gate saw in its line."""
    if _ESCAPE in families:
        # one expression wants a character before the match
        seen = gate(f"\n{text}".encode("utf-8", "surrogatepass")) or []
        families = frozenset(family for _, family in seen if family != _ESCAPE)
        hidden = {"control"} if CONTROL.search(text) else set()
        return families_in(text, families) | hidden
    return frozenset(FAMILIES[family].name for family in families if FAMILIES[family].found(text))


def _by_literals(block: bytes) -> list[tuple[int, int]]:
    """The same for few lines, for which a database (50 ms to make) is not worth while: a wider superset."""
    lower = block.lower()
    found = [(place, number) for number, literal in _LITERALS for place in _places(literal, lower)]
    found += [(place, _BLOB) for place in _places(_RUN, block.translate(_CLASSES))]
    found += [(match.end() - 1, _ESCAPE) for match in _ESCAPES.finditer(lower)]
    return sorted(found)


def _places(literal: bytes, text: bytes) -> Iterator[int]:
    """Where the literal ends for the first time in each line that holds it."""
    place = text.find(literal)
    while place >= 0:
        yield place + len(literal) - 1
        line_end = text.find(b"\n", place)
        place = text.find(literal, line_end) if line_end >= 0 else -1


@cache
def _database() -> Any:
    try:
        import hyperscan
    except ImportError:
        return None
    caseless = hyperscan.HS_FLAG_CASELESS
    expressions = [
        (expression.encode(), number, flag)
        for number, family in enumerate(FAMILIES)
        for flag, chosen in ((0, family.exact), (caseless, family.any_case))
        for expression in chosen
    ]
    expressions += [(expression.encode(), _ESCAPE, caseless) for expression in ESCAPES]
    database = hyperscan.Database()
    database.compile(
        expressions=[expression for expression, _, _ in expressions],
        ids=[number for _, number, _ in expressions],
        elements=len(expressions),
        flags=[flag for _, _, flag in expressions],
    )
    return database
