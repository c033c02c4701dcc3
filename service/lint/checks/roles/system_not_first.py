r"""R013 The system message is not the first.

## What it finds
A system message after another message.

## Why it matters
Some chat templates refuse it or leave it out, others write it as somebody else's turn.

## Example
{"messages": [{"role": "user", "content": "Hi?"}, {"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: moving it changes what it applies to. Instructions made of parts stay.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    messages = row.messages
    if not messages or role(messages[0][1]) == "system":
        return
    for i, message in messages:
        if i > 0 and role(message) == "system":
            yield Hit(f"system message at position {i + 1}", pointer=f"/messages/{i}")


CHECK = Check(
    code="R013", scope="row", severity="WWWW", find=find, fix="unsafe", needs=("turns",), refused="late-system"
)
