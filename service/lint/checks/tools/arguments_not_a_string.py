r"""T012 Tool arguments are not a JSON string.

## What it finds
`arguments` given as an object.

## Why it matters
Hosted services take a string that holds JSON.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {}}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
Safe: the object is written as a string.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import arguments_of, tool_calls


def find(row: Row) -> Iterator[Hit]:
    for place, call in tool_calls(row):
        arguments = arguments_of(call)
        if arguments is not None and not isinstance(arguments, str) and row.arguments == "string":
            yield Hit(f"arguments is a {kind(arguments)}; it is a JSON string", pointer=f"{place}/function/arguments")


CHECK = Check(code="T012", scope="row", severity="EEE-", find=find, fix="safe", needs=("calls",))
