r"""X006 Training and validation differ.

## What it finds
The validation rows are much longer or shorter, have system messages that training lacks, or the other way round.

## Why it matters
The validation figures speak of other data.

## Example
(a validation file without the system message of the training file)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(split: SplitFacts) -> Iterator[Hit]:
    if split.has_validation and split.differences:
        yield Hit(f"training and validation differ in {', '.join(split.differences)}")


CHECK = Check(code="X006", scope="split", severity="IIII", find=find)
