r"""X004 No validation data.

## What it finds
Only training data was given.

## Why it matters
Nothing shows when training starts to hurt.

## Example
(no validation file)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    if not facts.has_validation:
        yield Hit("no validation file")


CHECK = Check(code="X004", scope="split", severity="WWWI", find=find)
