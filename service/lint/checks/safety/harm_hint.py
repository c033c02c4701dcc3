r"""S020 Words of violence, sex, hate or self-harm.

## What it finds
A word or phrase of one of the four kinds of harm, in any text of a row; a hint, never a proof.

## Why it matters
Azure scans training data for these kinds and fails the job; the failing job names the kind and no row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "I want to kill myself."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-safety
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.every_text import every_text
from service.lint.patterns import HARM


def find(row: Row) -> Iterator[Hit]:
    for one in every_text(row):
        found = len(HARM.findall(one.text))
        if found:
            yield Hit(f"{found} word(s) that a safety scan may object to", pointer=one.place)


CHECK = Check(code="S020", scope="row", severity="WWWI", find=find, reads=("harm",))
