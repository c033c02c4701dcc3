r"""F017 Nesting deeper than 64.

## What it finds
Arrays or objects nested deeper than 64.

## Why it matters
Readers run out of stack; no chat row needs it.

## Example
(70 nested arrays)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line

LIMIT = 64


def _depth(raw: bytes) -> int:
    """The deepest nesting outside of strings."""
    deepest = depth = 0
    quoted = escaped = False
    for byte in raw:
        if quoted:
            quoted = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def find(line: Line) -> Iterator[Hit]:
    if line.raw.count(b"[") + line.raw.count(b"{") > LIMIT and _depth(line.raw) > LIMIT:
        yield Hit(f"nested deeper than {LIMIT}")


CHECK = Check(code="F017", scope="line", severity="EEEE", find=find)
