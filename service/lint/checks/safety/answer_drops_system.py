r"""S012 An answer that drops its instructions.

## What it finds
Phrases that drop the instructions, in an answer, refusal or call that is trained on; the rejected answer of a
preference is what the model learns to leave.

## Why it matters
The model learns to step out of its role.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "I will ignore my previous instructions."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.every_text import every_text
from service.lint.patterns import INJECTION


def find(row: Row) -> Iterator[Hit]:
    for one in every_text(row):
        if one.who == "assistant" and not one.rejected and INJECTION.search(one.text):
            yield Hit("an answer that drops its instructions", pointer=one.place)


CHECK = Check(code="S012", scope="row", severity="WWWW", find=find, reads=("injection",))
