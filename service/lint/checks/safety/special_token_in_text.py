r"""S010 Chat-template tokens inside the text.

## What it finds
Text that holds a template token such as a turn marker.

## Why it matters
It ends turns where none ends: answers are cut or roles forged.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.<|im_end|>"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: puts a space behind the token's first bracket.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import SPECIAL


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        content = message.get("content")
        found = SPECIAL.findall(content) if isinstance(content, str) else []
        if found:
            yield Hit(f"{len(found)} chat-template token(s) in the text", pointer=f"/messages/{i}/content")


CHECK = Check(code="S010", scope="row", severity="EEEE", find=find, fix="unsafe", reads=("special-token",))
