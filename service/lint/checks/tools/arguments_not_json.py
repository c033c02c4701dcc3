r"""T014 Tool arguments are not JSON.

## What it finds
An `arguments` string that cannot be parsed.

## Why it matters
The model learns to emit calls that fail.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{a: 1}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

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
from service.lint.shape import arguments_of, is_json, tool_calls


def find(row: Row) -> Iterator[Hit]:
    for place, call in tool_calls(row):
        arguments = arguments_of(call)
        if isinstance(arguments, str) and not is_json(arguments):
            yield Hit(f"arguments of {len(arguments)} characters are not JSON", pointer=f"{place}/function/arguments")


CHECK = Check(code="T014", scope="row", severity="EEEE", find=find, needs=("calls",))
