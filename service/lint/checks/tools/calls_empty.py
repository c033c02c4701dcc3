r"""T010 An empty list of calls.

## What it finds
`tool_calls: []`.

## Why it matters
Neither a call nor an answer; several services refuse it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "tool_calls": []}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the empty list.

## References
mistral-common
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if message.get("tool_calls") == []:
            yield Hit("an empty list of calls", pointer=f"/messages/{i}/tool_calls")


CHECK = Check(code="T010", scope="row", severity="EEEE", find=find, fix="safe", needs=("calls",))
