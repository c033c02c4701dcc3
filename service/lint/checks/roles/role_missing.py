r"""R004 A message has no role.

## What it finds
A message without `role`.

## Why it matters
Nobody can tell who speaks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

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
from service.lint.shape import has_key


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if not has_key(message, "role"):
            yield Hit("no `role`", pointer=f"/messages/{i}")


CHECK = Check(code="R004", scope="row", severity="EEEE", find=find, needs=("role",))
