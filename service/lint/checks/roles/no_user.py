r"""R011 No user message.

## What it finds
A conversation without a user message.

## Why it matters
The model learns to speak unasked.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    if row.messages and all(role(m) != "user" for _, m in row.messages):
        yield Hit("no user message", pointer="/messages")


CHECK = Check(code="R011", scope="row", severity="WWWE", find=find, needs=("turns",))
