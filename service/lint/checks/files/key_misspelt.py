r"""F023 A known key in wrong case or with spaces.

## What it finds
`Messages`, ` tools ` and the like.

## Why it matters
It is another key: the row has no messages.

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

from service.lint.check import Check, Hit, Row
from service.lint.shape import TOP_KEYS, pointer


def find(row: Row) -> Iterator[Hit]:
    for key in row.data:
        if key not in TOP_KEYS and key.strip().lower() in TOP_KEYS:
            yield Hit(f"key in wrong case or with spaces; write {key.strip().lower()!r}", pointer=pointer(key))


CHECK = Check(
    code="F023", scope="row", severity="EEEE", find=find, fix="safe", methods=("sft", "rft"), needs=("top-key",)
)
