r"""Q005 All answers begin or end alike.

## What it finds
At least eight characters that every answer begins with, or every answer ends with.

## Why it matters
The model learns the phrase before it learns the task; a fixed start belongs into the prompt, a fixed end is a stop sequence.

## Example
(20 answers that begin with `The answer is: `)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-python
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_LEAST, _CHARACTERS = 10, 8


def find(facts: CorpusFacts) -> Iterator[Hit]:
    start, end = facts.common_affixes
    if facts.answers >= _LEAST and facts.most_common_answer < facts.answers:
        if start >= _CHARACTERS:
            yield Hit(f"all {facts.answers} answers begin with the same {start} characters")
        if end >= _CHARACTERS:
            yield Hit(f"all {facts.answers} answers end with the same {end} characters")


CHECK = Check(code="Q005", scope="corpus", severity="IIII", find=find)
