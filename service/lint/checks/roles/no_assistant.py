r"""R010 No assistant message.

## What it finds
A conversation without an assistant message.

## Why it matters
There is no answer to learn.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}

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
    if row.messages and all(role(m) != "assistant" for _, m in row.messages):
        yield Hit("no assistant message", pointer="/messages")


CHECK = Check(code="R010", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("unanswered",))
