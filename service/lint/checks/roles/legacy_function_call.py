r"""R009 Legacy functions in place of tools.

## What it finds
`functions`, `function_call` or the role `function`.

## Why it matters
Deprecated by the hosted services; chat templates do not render them.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}], "functions": [{"name": "f"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"}, {"role": "assistant", "content": "Cold."}], "tools": [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}

## Fix safety
Safe: calls, results and declarations are rewritten as tools, with ids.

## References
azure-functions, mistral-finetune
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    if "functions" in row.data:
        yield Hit("`functions` is the legacy form of `tools`", pointer="/functions")
    for i, message in row.messages:
        if message.get("function_call") is not None:
            yield Hit("`function_call` is the legacy form of `tool_calls`", pointer=f"/messages/{i}/function_call")
        if role(message) == "function":
            yield Hit("the role `function` is the legacy form of `tool`", pointer=f"/messages/{i}/role")


CHECK = Check(code="R009", scope="row", severity="WWEE", find=find, fix="safe", needs=("legacy",))
