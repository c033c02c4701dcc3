r"""T007 A tool without a description.

## What it finds
A declared function that does not say what it does.

## Why it matters
The model chooses tools by their descriptions.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
mistral-finetune, azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import declared


def find(row: Row) -> Iterator[Hit]:
    for place, function in declared(row):
        description = function.get("description")
        if not (isinstance(description, str) and description.strip()):
            yield Hit("no description", pointer=place)


CHECK = Check(code="T007", scope="row", severity="IIII", find=find, needs=("tools",))
