r"""T021 A tool result answers no call.

## What it finds
A `tool_call_id` that no earlier call has.

## Why it matters
Services refuse the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c9", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Hello."}], "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}]}

## Fix safety
Safe where one result and one call are left for each other.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import call_ids, role


def find(row: Row) -> Iterator[Hit]:
    known: set[str] = set()
    for i, message in row.messages:
        known.update(call_ids(message))
        given = message.get("tool_call_id")
        if role(message) == "tool" and isinstance(given, str) and given not in known:
            yield Hit(
                f"tool_call_id matches none of the {len(known)} earlier calls", pointer=f"/messages/{i}/tool_call_id"
            )


CHECK = Check(code="T021", scope="row", severity="EEEW", find=find, fix="safe", needs=("results",))
