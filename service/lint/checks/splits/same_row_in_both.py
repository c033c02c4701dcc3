r"""X001 A validation row stands in the training data.

## What it finds
The same row in training and validation data.

## Why it matters
The validation loss measures memory.

## Example
(a validation file that repeats a training row)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the row from the validation data; what is trained on stays.

## References
semhash
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    yield from facts.same_rows.hits(lambda earlier: f"the row stands in the training data, {earlier}")


CHECK = Check(code="X001", scope="split", severity="EEEE", find=find, fix="safe")
