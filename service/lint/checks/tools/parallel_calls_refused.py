r"""T025 Parallel calls that the row itself refuses.

## What it finds
`parallel_tool_calls` that is not true or false, or several calls at once where it is false.

## Why it matters
The row contradicts itself.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}, {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "tool", "tool_call_id": "c2", "content": "4 degrees"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}], "parallel_tool_calls": false}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
Safe: the flag is written as true or false, and as true where the row's own calls need it.

## References
azure-dpo
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    allowed = row.data.get("parallel_tool_calls", True)
    if not isinstance(allowed, bool):
        yield Hit(f"saw a {kind(allowed)}; it is true or false", pointer="/parallel_tool_calls")
    for i, message in row.messages:
        found = message.get("tool_calls")
        if allowed is False and isinstance(found, list) and len(found) > 1:
            yield Hit(f"{len(found)} calls at once, and the row says one", pointer=f"/messages/{i}/tool_calls")


CHECK = Check(code="T025", scope="row", severity="EEW-", find=find, fix="safe", needs=("parallel-calls",))
