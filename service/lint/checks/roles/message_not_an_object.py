r"""R003 A message is not an object.

## What it finds
An entry of `messages` that is no object.

## Why it matters
Only objects with role and content are messages.

## Example
{"messages": ["Hi?"]}

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
    found = row.data.get("messages")
    for i, message in enumerate(found if isinstance(found, list) else []):
        if not isinstance(message, dict):
            yield Hit(f"saw a {kind(message)}; a message is an object", pointer=f"/messages/{i}")


CHECK = Check(code="R003", scope="row", severity="EEEE", find=find, needs=("messages",))
