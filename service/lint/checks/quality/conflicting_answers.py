r"""Q003 One prompt with different answers.

## What it finds
Rows that are equal up to the answer.

## Why it matters
The model learns a coin toss; sometimes variety is meant.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Good morning."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    yield from facts.conflicts.hits(lambda earlier: f"the same prompt as {earlier}, another answer")


CHECK = Check(code="Q003", scope="corpus", severity="WWWW", find=find)
