r"""F010 A row is not on a line of its own.

## What it finds
Several objects on one line, or an object (or a whole array) spread over lines.

## Why it matters
JSON Lines has one object per line; a pretty-printed file fails at every line.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]} {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: only what stands between rows, and line breaks inside of them, changes. A row that is not complete stays.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line
from service.lint.shape import is_array_of_rows


def find(line: Line) -> Iterator[Hit]:
    text = line.raw.strip()
    if line.error and text.startswith(b"{") and b"} {" in text.replace(b"}{", b"} {"):
        yield Hit("several objects on one line; write one per line")
    elif line.error and text in {b"[", b"{", b"]", b"}", b"],", b"},"}:
        yield Hit("a row spread over several lines, or one JSON array; write one object per line")
    elif is_array_of_rows(line.data):
        yield Hit(f"an array of {len(line.data)} rows on one line; write one object per line")


CHECK = Check(code="F010", scope="line", severity="EEEE", find=find, fix="safe", needs=("no-row",))
