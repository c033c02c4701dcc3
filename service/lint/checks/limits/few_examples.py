r"""L002 Fewer rows than recommended.

## What it finds
Fewer valid rows than vendors recommend.

## Why it matters
Gains are seen from 50 to 100 good rows.

## Example
(twelve rows)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-best-practices
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    wanted = facts.limits.get("recommended_examples", 0)
    if facts.limits.get("min_examples", 1) <= facts.valid < wanted and not facts.spread:
        yield Hit(f"{facts.valid} valid rows; start with {wanted} good ones")


CHECK = Check(code="L002", scope="corpus", severity="WWWW", find=find)
