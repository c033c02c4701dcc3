r"""T023 Two results of one call.

## What it finds
Two tool messages for one call id.

## Why it matters
A call has one result.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
Unsafe: drops the later result.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    seen: set[str] = set()
    for i, message in row.messages:
        name = message.get("tool_call_id")
        if role(message) != "tool" or not isinstance(name, str):
            continue
        if name in seen:
            yield Hit("a second result of this call", pointer=f"/messages/{i}/tool_call_id")
        seen.add(name)


CHECK = Check(code="T023", scope="row", severity="EEEW", find=find, fix="unsafe", needs=("results",))
