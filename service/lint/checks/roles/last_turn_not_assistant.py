r"""R012 The conversation does not end with the assistant.

## What it finds
The last message is not the assistant's.

## Why it matters
What follows the last answer is never trained; services refuse it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And?"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the unanswered turns.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role, shown_role


def find(row: Row) -> Iterator[Hit]:
    if row.messages and any(role(m) == "assistant" for _, m in row.messages):
        i, last = row.messages[-1]
        if role(last) != "assistant":
            yield Hit(f"the last message is {shown_role(last)}; the last must be assistant", pointer=f"/messages/{i}")


CHECK = Check(
    code="R012", scope="row", severity="EEEE", find=find, fix="unsafe", methods=("sft",), needs=("unanswered",)
)
