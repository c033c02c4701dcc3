r"""F022 An unknown key beside messages.

## What it finds
A top-level key that chat fine-tuning does not know.

## Why it matters
Some services reject the file; none uses the key.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "note": 1}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: no trainer reads the key. Keys that some do (images, chat_template_kwargs and the like) stay.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import TOP_KEYS, pointer


def find(row: Row) -> Iterator[Hit]:
    for key in row.data:
        if key not in TOP_KEYS and key.strip().lower() not in TOP_KEYS and "messages" in row.data:
            yield Hit("unknown top-level key", pointer=pointer(key))


CHECK = Check(code="F022", scope="row", severity="WWWI", find=find, fix="safe", methods=("sft",))
