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

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    if line.error and re.search(rb"[\[:,]\s*-?(NaN|Infinity)\s*[\],}]", line.raw):
        yield Hit("a NaN or Infinity literal; write null or a number")


CHECK = Check(code="F013", scope="line", severity="EEEE", find=find, needs=("no-row",))
