r"""F012 Lines that end with CRLF.

## What it finds
A carriage return before the line feed.

## Why it matters
Harmless for every reader that was tried; a sign of an editor on Windows.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}\x0d

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: the carriage return is left out.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    if facts.crlf:
        yield Hit(f"{facts.crlf} line(s) end with CRLF")


CHECK = Check(code="F012", scope="file", severity="IIII", find=find, fix="safe")
