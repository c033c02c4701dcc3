r"""R024 Content is neither text nor parts.

## What it finds
Content that is a number, boolean or object.

## Why it matters
Content is text, or a list of parts.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": 42}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe for numbers: they are written as text. What an object or a boolean was meant to be only a person knows.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            yield Hit(f"saw a {kind(content)}; content is text or a list of parts", pointer=f"/messages/{i}/content")


CHECK = Check(code="R024", scope="row", severity="EEEE", find=find, fix="safe", needs=("content-type",))
