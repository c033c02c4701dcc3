r"""R017 The first turn is the assistant's.

## What it finds
An assistant message before any user message.

## Why it matters
The model learns to speak unasked; strict chat templates refuse the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
torchtune
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    if row.turns and role(row.turns[0][1]) == "assistant":
        yield Hit("the conversation starts with the assistant", pointer=f"/messages/{row.turns[0][0]}")


CHECK = Check(code="R017", scope="row", severity="WWWW", find=find, needs=("turns",), refused="assistant-first")
