r"""G004 Rows with different fields for the grader.

## What it finds
The fields beside `messages` differ from row to row.

## Why it matters
A grader template that names a field fails on the rows without it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yo?"}], "answer": "Hello."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.field_sets > 1:
        yield Hit(f"{facts.field_sets} different sets of fields beside messages")


CHECK = Check(code="G004", scope="corpus", severity="WW--", find=find, methods=("rft",))
