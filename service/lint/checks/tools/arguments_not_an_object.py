r"""T013 Arguments are a string where the template wants an object.

## What it finds
`arguments` as a JSON string for a trainer whose templates render an object.

## Why it matters
The template prints an escaped string, and the model learns to write one.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: the string is parsed.

## References
trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import arguments_of, tool_calls


def find(row: Row) -> Iterator[Hit]:
    for place, call in tool_calls(row):
        if row.arguments == "object" and isinstance(arguments_of(call), str):
            yield Hit("arguments is a string; the template wants an object", pointer=f"{place}/function/arguments")


CHECK = Check(code="T013", scope="row", severity="---W", find=find, fix="safe", needs=("calls",))
