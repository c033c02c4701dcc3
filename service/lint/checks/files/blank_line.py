r"""F011 A blank line between rows.

## What it finds
An empty line that is not the end of the file.

## Why it matters
Three of five public validators fail at it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: removes an empty line.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    if not line.raw.strip():
        yield Hit("blank line between rows")


CHECK = Check(code="F011", scope="line", severity="WWWI", find=find, fix="safe", needs=("blank-line",))
