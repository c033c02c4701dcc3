r"""Q031 Answers that resemble each other.

## What it finds
In a sample of at most 250 different rows: answers that use the same pairs of words again and again (distinct-2, the
share of pairs of neighbouring words that are different), or that pack to a small part of their size (compression
ratio). The first 60 words of answers of 8 words and more are looked at, at least 100 of them. Where many answers are
in a script without spaces, words cannot be told and nothing is said.

## Why it matters
Few templates with changing names teach the template: the model writes it where it does not fit. A narrow task may mean
just this. Where the thresholds come from stands with them in rules/lint-diversity.toml.

## Example
(two hundred answers of one sentence with another name in each)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: other answers have to be written.

## References
data-juicer
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    found, limits = facts.diversity, facts.diversity_limits
    if found is None:
        return
    said = []
    if limits.distinct_2 is not None and found.distinct_2 < limits.distinct_2.value:
        said.append(f"distinct-2 is {found.distinct_2:.2f}, below {limits.distinct_2.value:g}")
    if limits.compression_ratio is not None and found.compression_ratio > limits.compression_ratio.value:
        said.append(f"they pack to 1/{found.compression_ratio:.1f}, beyond 1/{limits.compression_ratio.value:g}")
    if said:
        yield Hit(f"answers resemble each other, by {found.answers} sampled ones: {' and '.join(said)}")


CHECK = Check(code="Q031", scope="corpus", severity="IIII", find=find)
