r"""R019 More messages than the service takes.

## What it finds
A row with more messages than the target's limit (a limit of chat requests).

## Why it matters
No source says that training refuses it, but the same conversation cannot be sent.

## Example
(a row of 2,049 messages)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_messages", 0)
    if most and len(row.messages) > most:
        yield Hit(f"{len(row.messages)} messages; the limit is {most}", pointer="/messages")


CHECK = Check(code="R019", scope="row", severity="EEWW", find=find, needs=("long",))
