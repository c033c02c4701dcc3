r"""Q023 An answer that repeats itself.

## What it finds
An answer whose end is repeated over and over.

## Why it matters
A generated loop; the model learns to loop.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "We open at nine. Please come in and see us today. Please come in and see us today. Please come in and see us today. Please come in and see us today. Please come in and see us today. Please come in and see us today. "}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import repeats
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, who, text in texts(row):
        if who == "assistant" and repeats(text):
            yield Hit("the end of the answer is repeated", pointer=place)


CHECK = Check(code="Q023", scope="row", severity="WWWW", find=find, reads=("ends",))
