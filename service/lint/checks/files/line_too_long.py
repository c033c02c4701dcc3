r"""F018 A very long line.

## What it finds
A line of more than 16 MiB.

## Why it matters
One row of that size is a mistake, or is cut by every trainer.

## Example
(a line of 17 MiB)

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

MOST_BYTES = 16 * 2**20


def find(line: Line) -> Iterator[Hit]:
    if len(line.raw) > MOST_BYTES:
        yield Hit(f"{len(line.raw)} bytes on one line")


CHECK = Check(code="F018", scope="line", severity="WWWW", find=find, needs=("row", "no-row"))
