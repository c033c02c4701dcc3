"""Tells at the speed of reading where in many lines something may be that is looked for in text.

The gate is a superset: a line that it lets pass holds no match of service/lint/patterns.py (a property test holds the
two together). It is one Hyperscan database over every literal; without that library every line is held back, which
changes how long a run takes and nothing else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from service.lint.patterns import HARM_GATE, HEADS, RUN_LENGTH, SLOTS

# what every match of the patterns holds at least one of; the second list is looked for in any case
_LITERALS = (
    b"TODO", b"FIXME", b"XXXX", b"lorem ipsum", b"```", b"\\b", b"\\f", b"\\/", b"<", b"&", b"[INST", b"[/INST", b"{{",
    *(f"[{head}".encode() for head in HEADS), *(f"{{{slot}}}".encode() for slot in SLOTS),
)  # fmt: skip
_ANY_CASE = (
    b"ignore", b"disregard", b"forget", b"jailbreak", b"developer mode", b"system prompt", b"base64,", b"as an ai",
    b"as a ai", b"as an artificial", b"as a artificial", b"as a large", b"as an large",
)  # fmt: skip
_NON_ASCII_LITERALS = (
    *(b"\xe2\x80" + bytes([last]) for last in (0x8B, 0x8E, 0x8F, *range(0xAA, 0xAF))),
    b"\xe2\x81", b"\xef\xbb\xbf", b"\xef\xbf\xbd", b"\xf3\xa0", b"\xc3\x83", b"\xc3\xa2\xe2\x82\xac", b"\xc3\x82",
)  # fmt: skip


def gate(block: bytes) -> list[int] | None:
    """Places in a block of lines, sorted; None when nobody could look."""
    database = _database()
    if database is None:
        return None
    found: list[int] = []

    def note(number: int, start: int, end: int, flags: int, context: object) -> None:
        del number, start, flags, context
        found.append(end - 1)

    database.scan(block, match_event_handler=note)
    found.sort()
    return found


@cache
def _database() -> Any:
    try:
        import hyperscan
    except ImportError:
        return None
    plain = [(_escaped(one), 0) for one in (*_LITERALS, *_NON_ASCII_LITERALS)]
    folded = [(_escaped(one), hyperscan.HS_FLAG_CASELESS) for one in _ANY_CASE]
    runs = [(b"[A-Za-z0-9+/]{%d}" % RUN_LENGTH, 0)]
    harm = [(HARM_GATE, hyperscan.HS_FLAG_CASELESS)]
    expressions = [*plain, *folded, *runs, *harm]
    database = hyperscan.Database()
    database.compile(
        expressions=[text for text, _ in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[flag for _, flag in expressions],
    )
    return database


def _escaped(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)
