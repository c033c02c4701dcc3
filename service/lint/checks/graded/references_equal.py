r"""G006 References that are empty or all the same.

## What it finds
The grader's field holds one value in every row.

## Why it matters
Nothing is told apart.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 0?"}], "reference": "Hello."}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 1?"}], "reference": "Hello."}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 2?"}], "reference": "Hello."}

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
    if facts.rows > 2 and facts.references == 1:
        yield Hit("the fields for the grader hold one value in every row")


CHECK = Check(code="G006", scope="corpus", severity="WW--", find=find, methods=("rft",))
