r"""S021 Invisible characters.

## What it finds
Zero-width, bidirectional and tag characters in any text of a row, those of calls and tools too. Left alone are joiners,
which carry meaning in several scripts and emoji, the flags of regions, and marks of direction in text of scripts that
run from right to left.

## Why it matters
Text that nobody sees is trained on: a way to hide instructions, and a sign of pasted text.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hel\u200blo."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: removes zero-width spaces, stray byte-order marks, bidirectional and tag characters, as far as they are found.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.every_text import every_text
from service.lint.patterns import visible


def find(row: Row) -> Iterator[Hit]:
    for one in every_text(row):
        found = len(one.text) - len(visible(one.text))
        if found:
            yield Hit(f"{found} invisible character(s)", pointer=one.place)


CHECK = Check(code="S021", scope="row", severity="WWWW", find=find, fix="unsafe", reads=("invisible",))
