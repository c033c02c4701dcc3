r"""T006 Parameters that are no JSON Schema.

## What it finds
`parameters` that is not a valid JSON Schema.

## Why it matters
The service refuses it, and arguments cannot be checked against it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "objekt"}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.json_schema import schema_error
from service.lint.shape import declared


def find(row: Row) -> Iterator[Hit]:
    for place, function in declared(row):
        if "parameters" in function and schema_error(function["parameters"]) is not None:
            yield Hit(f"no valid JSON Schema ({schema_error(function['parameters'])})", pointer=f"{place}/parameters")


CHECK = Check(code="T006", scope="row", severity="EEEE", find=find, needs=("tools",))
