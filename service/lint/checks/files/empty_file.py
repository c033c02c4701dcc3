r"""F001 The file holds no row.

## What it finds
A file without a single row.

## Why it matters
Every service refuses it, after the upload.

## Example
(an empty file)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    # F006 and F010 say why rows that are there are not read
    if facts.rows == 0 and facts.encoding == "utf-8" and not facts.spread:
        yield Hit(f"no rows in {facts.bytes} bytes")


CHECK = Check(code="F001", scope="file", severity="EEEE", find=find)
