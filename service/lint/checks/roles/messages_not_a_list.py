r"""R001 `messages` is not a list.

## What it finds
`messages` is a string, object or null.

## Why it matters
It was serialised twice, or is another shape.

## Example
{"messages": "[{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": \"Hi?\"}, {\"role\": \"assistant\", \"content\": \"Hello.\"}]"}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe when the string holds a list of objects: it is written as the list.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    found = row.data.get("messages", [])
    if not isinstance(found, list):
        yield Hit(f"saw a {kind(found)}; messages is a list of objects", pointer="/messages")


CHECK = Check(code="R001", scope="row", severity="EEEE", find=find, fix="safe", needs=("messages",))
