r"""Q011 Several system messages.

## What it finds
More than one system message over the rows.

## Why it matters
Below a hundred rows the same instructions in every row teach best; the one you train with is the one to deploy with.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Yo?"}, {"role": "assistant", "content": "Hello."}]}

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
    if not facts.system_sizes and facts.systems:
        yield Hit(f"more than {facts.systems - 1} different system messages")
    elif facts.systems > 1:
        yield Hit(f"{facts.systems} different system messages; the most common one in {facts.system_sizes[0]} rows")


CHECK = Check(code="Q011", scope="corpus", severity="WWWI", find=find)
