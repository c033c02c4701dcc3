r"""T010 `tool_calls` is no list of calls.

## What it finds
`tool_calls` that is an empty list, or no list.

## Why it matters
Neither a call nor an answer; services refuse it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "tool_calls": []}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the empty list, and makes a list of a single call.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        found = message.get("tool_calls")
        if found == []:
            yield Hit("an empty list of calls; leave the key out", pointer=f"/messages/{i}/tool_calls")
        elif found is not None and not isinstance(found, list):
            yield Hit(f"saw a {kind(found)}; tool_calls is a list", pointer=f"/messages/{i}/tool_calls")


CHECK = Check(code="T010", scope="row", severity="EEEE", find=find, fix="safe", needs=("calls",))
