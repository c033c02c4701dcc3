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

from collections.abc import Iterator

import msgspec

from service.lint.check import Check, Hit, Line
from service.lint.literal import twins
from service.lint.shape import KNOWN_KEYS


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
        for place, key in twins(line.raw):
            name = f"key {key!r}" if key in KNOWN_KEYS else "a key"
            yield Hit(f"{name} stands twice in one object; keep one", pointer=place)


CHECK = Check(code="F014", scope="line", severity="EEEE", find=find, needs=("row",))
