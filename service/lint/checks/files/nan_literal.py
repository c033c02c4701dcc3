r"""F013 NaN or Infinity is not JSON.

## What it finds
A NaN or Infinity literal.

## Why it matters
Python writes them, JSON does not know them; services reject the line.

## Example
{"messages": [], "score": NaN}

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
from service.lint.literal import no_numbers


def find(line: Line) -> Iterator[Hit]:
    if line.error and (b"NaN" in line.raw or b"Infinity" in line.raw):
        for place in no_numbers(line.raw):
            yield Hit("a NaN or Infinity literal; write null or a number", pointer=place)


CHECK = Check(code="F013", scope="line", severity="EEEE", find=find, needs=("no-row",))
