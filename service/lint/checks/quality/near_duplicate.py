r"""Q002 Nearly the same row twice.

## What it finds
With --near-duplicates: a row whose words, asked and answered, are at least 0.85 the words of an earlier row (Jaccard
index, estimated with MinHash, standard error 0.03). Case, order, punctuation and the system message make no
difference; rows of fewer than 12 different words and rows that are equal (Q001) are left out.

## Why it matters
Such rows count nearly twice in training and hide how little there is; often one template made them.

## Example
(two rows of twenty words and more that differ in one word, looked at with --near-duplicates)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: with --near-duplicates, leaves the later row out; only a person knows whether the small difference is what is
taught. The data is read twice.

## References
semhash, nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    yield from facts.near.hits(lambda earlier: f"nearly the same row as {earlier}")


CHECK = Check(code="Q002", scope="corpus", severity="WWWW", find=find, fix="unsafe")
