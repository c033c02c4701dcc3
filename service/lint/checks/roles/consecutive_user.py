r"""R015 Two user messages in a row.

## What it finds
Two user messages follow each other.

## Why it matters
Strict chat templates refuse it, others join the two.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: merging changes what is trained. Messages that differ in more than their content stay.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    for (_, before), (i, message) in pairwise(row.messages):
        if role(before) == role(message) == "user" and not before.get("tool_calls"):
            yield Hit("two user messages in a row", pointer=f"/messages/{i}")


CHECK = Check(code="R015", scope="row", severity="IIWW", find=find, fix="unsafe", needs=("turns",), refused="turns")
