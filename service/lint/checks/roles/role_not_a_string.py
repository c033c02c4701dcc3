r"""R007 A role is not a string.

## What it finds
A role that is a number, null or another type.

## Why it matters
Services reject the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": 1, "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if "role" in message and not isinstance(message["role"], str):
            yield Hit(f"role is a {kind(message['role'])}", pointer=f"/messages/{i}/role")


CHECK = Check(code="R007", scope="row", severity="EEEE", find=find, needs=("role",))
