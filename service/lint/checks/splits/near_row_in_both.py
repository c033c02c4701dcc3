r"""X003 A validation row is nearly a training row.

## What it finds
With --near-duplicates: a validation row whose words are at least 0.85 the words of a training row, estimated as for
Q002. Rows that are equal are X001.

## Why it matters
The model has nearly seen the answer, so the validation loss looks better than it is.

## Example
(a validation row of twenty words and more that differs from a training row in one word)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: with --near-duplicates, drops the row from the validation data; only a person knows whether the small
difference is what is tested. The data is read twice.

## References
semhash, nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    yield from facts.near.hits(lambda earlier: f"nearly the same row as in the training data, {earlier}")


CHECK = Check(code="X003", scope="split", severity="WWWW", find=find, fix="unsafe")
