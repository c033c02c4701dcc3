r"""R016 Two assistant messages in a row.

## What it finds
Two assistant messages follow each other.

## Why it matters
Strict chat templates refuse it, others join the two.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}, {"role": "assistant", "content": "Bye."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: merging changes what is trained. Messages that differ in more than their content stay.

## References
azure-samples
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    for (_, before), (i, message) in pairwise(row.messages):
        if role(before) == role(message) == "assistant" and not before.get("tool_calls"):
            yield Hit("two assistant messages in a row", pointer=f"/messages/{i}")


CHECK = Check(code="R016", scope="row", severity="WWWW", find=find, fix="unsafe", needs=("turns",), refused="turns")
