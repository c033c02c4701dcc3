r"""T011 A tool call lacks id, type, name or arguments.

## What it finds
A call without one of its four parts, or of another type than `function`.

## Why it matters
Results cannot be matched, services refuse the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
Safe: a missing type is `function`; a missing id is that of the one result that has no call, or a new one. A name or arguments nobody can guess.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import tool_calls


def find(row: Row) -> Iterator[Hit]:
    for place, call in tool_calls(row):
        function = call.get("function")
        missing = [key for key in ("id", "type") if not isinstance(call.get(key), str)]
        parts = function if isinstance(function, dict) else {}
        missing += [f"function.{key}" for key in ("name", "arguments") if key not in parts]
        if missing:
            yield Hit(f"call without {', '.join(missing)}", pointer=place)
        elif call["type"] != "function":
            yield Hit("the type of a call is `function`", pointer=f"{place}/type")


CHECK = Check(code="T011", scope="row", severity="EEEW", find=find, fix="safe", needs=("calls",))
