r"""G003 No field for the grader.

## What it finds
A row without any field beside `messages`.

## Why it matters
The grader has nothing to compare with; Azure's page calls it optional, its validator an error.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-rft, azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    if not set(row.data) - {"messages", "tools", "parallel_tool_calls"}:
        yield Hit("no field for the grader")


CHECK = Check(code="G003", scope="row", severity="WW--", find=find, methods=("rft",))
