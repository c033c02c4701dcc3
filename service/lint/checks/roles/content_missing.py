r"""R020 A message has no content.

## What it finds
No `content` key, and no tool or function call instead.

## Why it matters
There is nothing to read or to learn.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import calls, has_key, shown_role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if not has_key(message, "content") and not calls(message):
            yield Hit(f"{shown_role(message)} message without content", pointer=f"/messages/{i}")


CHECK = Check(code="R020", scope="row", severity="EEEE", find=find, needs=("no-content",))
