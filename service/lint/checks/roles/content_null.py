r"""R021 Content is null without a call.

## What it finds
`content: null` without tool or function calls.

## Why it matters
Null content is legal only beside a call.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": null}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import calls, shown_role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if "content" in message and message["content"] is None and not calls(message):
            yield Hit(f"{shown_role(message)} message with null content", pointer=f"/messages/{i}/content")


CHECK = Check(code="R021", scope="row", severity="EEEE", find=find, fix="unsafe", needs=("no-content",))
