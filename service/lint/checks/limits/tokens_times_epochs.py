r"""L005 More tokens than a job takes.

## What it finds
Tokens times epochs beyond the job's limit.

## Why it matters
The job is refused.

## Example
(a file of a billion tokens)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    most = facts.limits.get("max_tokens_x_epochs", 0)
    if most and facts.tokens * facts.epochs > most:
        about = "" if facts.counted else "about "
        yield Hit(f"{about}{facts.tokens} tokens x {facts.epochs} epochs; the limit is {most}")


CHECK = Check(code="L005", scope="corpus", severity="E---", find=find)
