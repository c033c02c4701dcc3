r"""F008 The line is not JSON.

## What it finds
A line that no other rule explains and that is not JSON.

## Why it matters
The service stops at it, often without naming the line.

## Example
{"messages": [

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    if line.error is not None:
        yield Hit(f"not JSON: {line.error}")


CHECK = Check(code="F008", scope="line", severity="EEEE", find=find, fallback=True, needs=("no-row",))
