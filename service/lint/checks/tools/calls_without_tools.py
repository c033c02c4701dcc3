r"""T001 Tool calls without declared tools.

## What it finds
A call or tool message in a row without `tools`.

## Why it matters
The model learns to call what it was not offered.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    used = any(message.get("tool_calls") or role(message) == "tool" for _, message in row.messages)
    if used and not row.data.get("tools"):
        yield Hit("tool calls, but no tools declared", pointer="/messages")


CHECK = Check(code="T001", scope="row", severity="WWWW", find=find, needs=("calls", "results"))
