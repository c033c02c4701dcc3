r"""F014 A key stands twice in one object.

## What it finds
The same key twice in one object.

## Why it matters
Readers keep one of the two silently, and not the same one.

## Example
{"messages": [], "messages": []}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from service.lint.check import Check, Hit, Line
from service.lint.shape import KNOWN_KEYS


def _note(pairs: list[tuple[str, object]], seen: list[str]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        seen.extend(sorted(key for key, count in times.items() if count > 1))
    return found


def _may_repeat(line: Line) -> bool:
    """Whether a line has other quotation marks than what it was decoded to; those of a repeated key would be gone."""
    if b"\\u0022" in line.raw:
        return True
    try:
        return line.raw.count(b'"') != msgspec.json.encode(line.data).count(b'"')
    except OverflowError:
        # a whole number beyond 64 bits
        return True


def find(line: Line) -> Iterator[Hit]:
    if isinstance(line.data, dict) and _may_repeat(line):
        seen: list[str] = []
        # a row may be nested just deep enough for one decoder and too deep for the other
        with suppress(RecursionError):
            json.loads(line.raw, object_pairs_hook=lambda pairs: _note(pairs, seen))
        for key in seen:
            yield Hit(
                f"key {key[:40]!r} stands twice in one object"
                if key in KNOWN_KEYS
                else "a key stands twice in one object"
            )


CHECK = Check(code="F014", scope="line", severity="EEEE", find=find, needs=("row",))
