r"""F010 A row is not on a line of its own.

## What it finds
Several objects on one line, or an object (or a whole array) spread over lines: the first line of each such stretch.

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
from service.lint.literal import several_objects
from service.lint.shape import is_array_of_rows


def find(line: Line) -> Iterator[Hit]:
    if is_array_of_rows(line.data):
        yield Hit(f"an array of {len(line.data)} rows on one line; write one object per line")
    elif line.piece:
        yield Hit("from here rows stand on several lines, or in one JSON array; write one object per line")
    elif line.error and several_objects(line.raw):
        yield Hit("several objects on one line; write one per line")


CHECK = Check(code="F010", scope="line", severity="EEEE", find=find, fix="safe", needs=("no-row",))
