r"""T004 A function name that the service refuses.

## What it finds
A declared or called name that is not 1 to 64 letters, digits, `_` or `-`.

## Why it matters
The row is refused, or the model learns a name that cannot be declared.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "get weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
mistral-common
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import called, declared

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def find(row: Row) -> Iterator[Hit]:
    for place, function in (*declared(row), *called(row)):
        name = function.get("name")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            yield Hit("name is not 1 to 64 letters, digits, _ or -", pointer=f"{place}/name")


CHECK = Check(code="T004", scope="row", severity="EEEW", find=find, needs=("tools", "calls"))
