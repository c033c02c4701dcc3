r"""T026 The same system message with different tools.

## What it finds
A system message that comes with one list of tools in some rows and with another in others.

## Why it matters
At use the tools are the same every time; a model that saw others calls tools that are not there.

## Example
(two rows with one system message and different tools)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.tool_sets:
        yield Hit(f"{facts.tool_sets} system message(s) come with different tools in different rows")


CHECK = Check(code="T026", scope="corpus", severity="IIII", find=find)
