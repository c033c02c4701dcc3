r"""Q001 The same row twice.

## What it finds
A row that stands earlier in the data, byte for byte.

## Why it matters
It counts twice in training and hides how little there is.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the later row, and with it the weight that the repetition gave it.

## References
openai-python
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    yield from facts.duplicates.hits(lambda earlier: f"the same row as {earlier}")


CHECK = Check(code="Q001", scope="corpus", severity="WWWW", find=find, fix="unsafe")
