r"""T018 A call id that the model's template refuses.

## What it finds
Ids that are not nine letters or digits, for Mistral's templates.

## Why it matters
The template raises for the whole row.

## Example
(a row for a Mistral model whose call id is `c1`)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
Safe: ids are renumbered, in call and result alike.

## References
mistral-common
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import tool_calls

_NINE = re.compile(r"[a-zA-Z0-9]{9}")


def find(row: Row) -> Iterator[Hit]:
    if "mistral" not in row.model and "ministral" not in row.model:
        return
    for place, call in tool_calls(row):
        name = call.get("id")
        if isinstance(name, str) and not _NINE.fullmatch(name):
            yield Hit("the id is not nine letters or digits", pointer=f"{place}/id")


CHECK = Check(code="T018", scope="row", severity="--WW", find=find, fix="safe", needs=("calls",))
