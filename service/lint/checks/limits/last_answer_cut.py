r"""L011 The limit cuts the last answer.

## What it finds
A row whose last trained answer does not end within the target's limit of tokens.

## Why it matters
What is too long is removed from the end: the answer is lost in part or whole, and the model learns to stop in the middle.

## Example
(a row of 70,000 tokens)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-supervised
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.sizes import last_answer_within


def find(row: Row) -> Iterator[Hit]:
    most, last = row.limits.get("max_tokens_per_example", 0), last_answer_within(row)
    if not most or last is None:
        return
    place, before, size = last
    if before + size > most:
        lost = "all of it" if before >= most else f"about {before + size - most} of its {size} tokens"
        yield Hit(f"the limit of {most} tokens cuts off {lost}", pointer=place)


CHECK = Check(code="L011", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("long",))
