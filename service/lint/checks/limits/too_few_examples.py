r"""L001 Fewer rows than the target accepts.

## What it finds
Fewer valid rows than the target's minimum; where no row is valid, fewer rows.

## Why it matters
The job does not start.

## Example
(one row for a target that wants ten)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    least = facts.limits.get("min_examples", 1)
    # a file in which no row is valid has findings enough, and where rows stand on several lines they were not counted
    found, what = (facts.valid, "valid rows") if facts.valid else (sum(facts.shapes.values()), "rows")
    if 0 < found < least and not facts.spread:
        yield Hit(f"{found} {what}; the target wants at least {least}")


CHECK = Check(code="L001", scope="corpus", severity="EEWW", find=find)
