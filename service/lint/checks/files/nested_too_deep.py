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
from service.lint.decoding import deeper_than

LIMIT = 64


def find(line: Line) -> Iterator[Hit]:
    if deeper_than(LIMIT, line.raw):
        yield Hit(f"nested deeper than {LIMIT}")


CHECK = Check(code="F017", scope="line", severity="EEEE", find=find, needs=("row", "no-row"))
