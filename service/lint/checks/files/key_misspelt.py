r"""F023 A known key in wrong case or with spaces.

## What it finds
`Messages`, ` tools `, `Content` and the like.

## Why it matters
It is another key: the row has no messages, or a message no content.

## Example
{"Messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: the key is renamed.

## References
openai-python
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.lint.check import Check, Hit, Row
from service.lint.shape import MESSAGE_KEYS, TOP_KEYS, pointer


def find(row: Row) -> Iterator[Hit]:
    yield from _misspelt(row.data, TOP_KEYS, "")
    for i, message in row.messages:
        yield from _misspelt(message, MESSAGE_KEYS, f"/messages/{i}")


def _misspelt(found: dict[str, Any], known: tuple[str, ...], place: str) -> Iterator[Hit]:
    for key in found:
        right = key.strip().lower()
        if key not in known and right in known:
            yield Hit(f"key in wrong case or with spaces; write {right!r}", pointer=f"{place}{pointer(key)}")


CHECK = Check(
    code="F023",
    scope="row",
    severity="EEEE",
    find=find,
    fix="safe",
    methods=("sft", "rft"),
    needs=("top-key", "message-key"),
)
