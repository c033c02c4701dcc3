r"""F004 The file starts with a byte-order mark.

## What it finds
A UTF-8 byte-order mark before the first row.

## Why it matters
Strict JSON readers fail on line 1 with a hint that looks right.

## Example
\xef\xbb\xbf{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: removes three bytes before the first row.

## References
openai-python-426
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    if facts.bom_policy == "refuses" and facts.bom == "utf-8":
        yield Hit("byte 0: UTF-8 byte-order mark")


CHECK = Check(code="F004", scope="file", severity="-W-W", find=find, fix="safe")
