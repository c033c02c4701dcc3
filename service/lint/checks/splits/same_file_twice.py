r"""X005 One file for training and validation.

## What it finds
The same bytes given as both.

## Why it matters
Every measure would be of memory.

## Example
(the training file again)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-dpo
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    if facts.same_file:
        yield Hit("training and validation are the same file")


CHECK = Check(code="X005", scope="split", severity="EEEE", find=find)
