r"""T002 `tools` is not a list of functions.

## What it finds
`tools` is no list, an entry lacks type or function, or a function has no name.

## Why it matters
Services refuse the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "tools": [{"name": "f"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
Safe: a bare function is wrapped.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    tools = row.data.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield Hit(f"saw a {kind(tools)}; tools is a list", pointer="/tools")
    for i, tool in enumerate(tools if isinstance(tools, list) else []):
        if not (isinstance(tool, dict) and tool.get("type") == "function" and isinstance(tool.get("function"), dict)):
            yield Hit("a tool is {type: function, function: {...}}", pointer=f"/tools/{i}")
        elif not isinstance(tool["function"].get("name"), str):
            yield Hit("the function has no name; give it the one that calls use", pointer=f"/tools/{i}/function")


CHECK = Check(code="T002", scope="row", severity="EEEE", find=find, fix="safe", needs=("tools",))
