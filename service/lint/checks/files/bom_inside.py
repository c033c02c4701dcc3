r"""F005 A byte-order mark stands inside the file.

## What it finds
A UTF-8 byte-order mark at the start of a later line: files were joined.

## Why it matters
The line is not JSON for any service.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
\xef\xbb\xbf{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: removes three bytes that are no part of the text.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    if not line.first and line.raw.startswith(b"\xef\xbb\xbf"):
        yield Hit("byte-order mark inside the file; it was joined from several")


CHECK = Check(code="F005", scope="line", severity="EEEE", find=find, fix="safe", needs=("no-row",))
