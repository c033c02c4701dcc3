r"""F006 The file is UTF-16 or UTF-32.

## What it finds
A file in a two- or four-byte encoding.

## Why it matters
No service reads it; its lines cannot even be counted.

## Example
\xff\xfe{\x00}\x00

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: transcoding needs the right guess; what is no character becomes U+FFFD.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    if facts.encoding != "utf-8":
        yield Hit(f"the file is {facts.encoding}; save it as UTF-8")


CHECK = Check(code="F006", scope="file", severity="EEEE", find=find, fix="unsafe")
