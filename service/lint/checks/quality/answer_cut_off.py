r"""Q026 An answer that was cut off.

## What it finds
An answer with an open code fence, or one that ends with a comma or an article.

## Why it matters
The model learns to stop in the middle.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "We open at nine,"}]}

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
from service.lint.patterns import cut_off, open_fence
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, who, text in texts(row):
        if who == "assistant" and (cut_off(text) or open_fence(text)):
            yield Hit("the answer looks cut off", pointer=place)


CHECK = Check(code="Q026", scope="row", severity="IIII", find=find, reads=("ends", "fence"))
