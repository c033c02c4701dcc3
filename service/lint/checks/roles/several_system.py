r"""R014 More than one system message.

## What it finds
Two or more system messages.

## Why it matters
Many chat templates keep one of them or refuse the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: merging may change the meaning. Instructions made of parts stay.

## References
mistral-finetune
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    found = [i for i, m in row.messages if role(m) == "system"]
    if len(found) > 1:
        yield Hit(f"{len(found)} system messages", pointer=f"/messages/{found[1]}")


CHECK = Check(
    code="R014", scope="row", severity="WWWW", find=find, fix="unsafe", needs=("turns",), refused="several-systems"
)
