r"""Q010 Rows without a system message.

## What it finds
Some or all rows have no system message.

## Why it matters
A chat row has three required components: system, user, assistant. The prompt you train with is the one to deploy with.

## Example
{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
foundry-module
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.without_system:
        yield Hit(f"{facts.without_system} of {facts.rows} rows have no system message")


CHECK = Check(code="Q010", scope="corpus", severity="WWWI", find=find, methods=("sft", "dpo"))
