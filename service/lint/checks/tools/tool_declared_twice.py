r"""T005 A tool declared twice.

## What it finds
Two declarations with one name.

## Why it matters
Which one is meant is anybody's guess.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}, {"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
Unsafe: drops the later declaration.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import declared


def find(row: Row) -> Iterator[Hit]:
    seen: set[str] = set()
    for place, function in declared(row):
        name = function.get("name")
        if isinstance(name, str) and name in seen:
            yield Hit("a name that is declared before", pointer=f"{place}/name")
        elif isinstance(name, str):
            seen.add(name)


CHECK = Check(code="T005", scope="row", severity="WWWW", find=find, fix="unsafe", needs=("tools",))
