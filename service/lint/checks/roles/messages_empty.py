r"""R002 `messages` is empty.

## What it finds
A row without a message.

## Why it matters
Nothing to learn; services reject the row.

## Example
{"messages": []}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    if row.data.get("messages") == []:
        yield Hit("no message", pointer="/messages")


CHECK = Check(code="R002", scope="row", severity="EEEE", find=find, fix="unsafe", needs=("messages",))
