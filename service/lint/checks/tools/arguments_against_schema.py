r"""T015 Arguments that the declared schema refuses.

## What it finds
Arguments of a call that do not satisfy the declared parameters: missing, extra or of a wrong type.

## Why it matters
The model learns calls that fail.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"town\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.json_schema import violation
from service.lint.shape import called, declared


def find(row: Row) -> Iterator[Hit]:
    schemas = {f.get("name"): f.get("parameters") for _, f in declared(row) if isinstance(f.get("name"), str)}
    for place, function in called(row):
        schema = schemas.get(function.get("name")) if isinstance(function.get("name"), str) else None
        wrong = violation(schema, function.get("arguments")) if schema is not None and "arguments" in function else None
        if wrong is not None:
            yield Hit(f"arguments break the declared schema: {wrong}", pointer=f"{place}/arguments")


CHECK = Check(code="T015", scope="row", severity="WWWW", find=find, needs=("calls",))
