r"""T022 A call is never answered.

## What it finds
A call without a result, followed by other messages.

## Why it matters
Only a final call may stay open.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

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
    results = [m.get("tool_call_id") for _, m in row.messages if role(m) == "tool"]
    answered = {one for one in results if isinstance(one, str)}
    for i, message in row.messages[:-1]:
        found = message.get("tool_calls")
        for j, call in enumerate(found if isinstance(found, list) else []):
            name = call.get("id") if isinstance(call, dict) else None
            if isinstance(name, str) and name not in answered:
                yield Hit(
                    "a call without a result; only calls of the last message may stay open",
                    pointer=f"/messages/{i}/tool_calls/{j}",
                )


CHECK = Check(code="T022", scope="row", severity="EEEW", find=find, needs=("calls",))
