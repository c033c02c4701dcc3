r"""S010 Chat-template tokens inside the text.

## What it finds
Text that holds a template token such as a turn marker; `<s>` that strikes text through, or names a type, is none.

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
from service.lint.patterns import template_tokens
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        found = len(template_tokens(text))
        if found:
            yield Hit(f"{found} chat-template token(s) in the text; write the text without them", pointer=place)


CHECK = Check(code="S010", scope="row", severity="EEEE", find=find, fix="unsafe", reads=("special-token",))
