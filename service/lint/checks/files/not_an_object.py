r"""F009 The line is JSON but not an object.

## What it finds
A JSON value that is no object.

## Why it matters
A row is an object with messages.

## Example
["a", "b"]

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line, kind
from service.lint.shape import is_array_of_rows


def find(line: Line) -> Iterator[Hit]:
    if line.error is None and not isinstance(line.data, dict) and not is_array_of_rows(line.data):
        yield Hit(f"saw a JSON {kind(line.data)}; a row is an object")


CHECK = Check(code="F009", scope="line", severity="EEEE", find=find, needs=("no-row",))
