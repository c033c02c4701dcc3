r"""L020 How many epochs and tokens a job would bill.

## What it finds
An estimate of epochs and billed tokens by the vendor's published heuristic.

## Why it matters
The price of a hosted job is tokens times epochs.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook, azure-cost
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.valid and facts.limits.get("epochs_heuristic"):
        about = "" if facts.counted else "about "
        yield Hit(
            f"{about}{facts.tokens} tokens; {facts.epochs} epochs by the heuristic, {facts.tokens * facts.epochs} billed"
        )


CHECK = Check(code="L020", scope="corpus", severity="III-", find=find)
