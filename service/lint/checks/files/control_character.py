r"""F016 Control characters in text.

## What it finds
NUL and other C0 control characters, written as escapes.

## Why it matters
They come from broken exports; some trainers stop at NUL.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hel\u0000lo."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: removes the characters.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import CONTROL
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        found = len(CONTROL.findall(text))
        if found:
            yield Hit(f"{found} control character(s)", pointer=place)


CHECK = Check(code="F016", scope="row", severity="WWWW", find=find, fix="unsafe", reads=("control",))
