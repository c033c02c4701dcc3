r"""T016 A called tool is not declared.

## What it finds
A call of a name that `tools` does not hold.

## Why it matters
The model learns names that do not exist.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import declared_names, tool_calls


def find(row: Row) -> Iterator[Hit]:
    declared = declared_names(row)
    for place, call in tool_calls(row):
        function = call.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if declared and isinstance(name, str) and name not in declared:
            yield Hit(f"the called name is none of the {len(declared)} declared", pointer=f"{place}/function/name")


CHECK = Check(code="T016", scope="row", severity="WWWW", find=find, needs=("calls",))
