r"""T003 More tools than the service takes.

## What it finds
More declared tools than the target's limit (a limit of chat requests).

## Why it matters
The same request cannot be sent.

## Example
(a row of 129 tools)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    tools, most = row.data.get("tools"), row.limits.get("max_tools", 0)
    if isinstance(tools, list) and most and len(tools) > most:
        yield Hit(f"{len(tools)} tools; the limit is {most}", pointer="/tools")


CHECK = Check(code="T003", scope="row", severity="EEWW", find=find, needs=("tools",))
