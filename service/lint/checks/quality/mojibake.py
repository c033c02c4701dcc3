r"""Q024 Damaged encoding.

## What it finds
Text that was decoded with the wrong encoding, or replacement characters.

## Why it matters
The model learns the damage.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Caf\u00c3\u00a9 \u00e2\u20ac\u2122til five."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: reads the text in the encoding that it seems to be in; a replacement character stays, what it was is lost.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import MOJIBAKE
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        found = len(MOJIBAKE.findall(text))
        if found:
            yield Hit(f"{found} place(s) look like text in the wrong encoding", pointer=place)


CHECK = Check(code="Q024", scope="row", severity="WWWW", find=find, fix="unsafe", reads=("mojibake",))
