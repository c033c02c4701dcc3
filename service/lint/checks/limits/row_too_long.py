r"""L010 A row of more tokens than the model takes.

## What it finds
A row whose tokens exceed the limit of the model, counted by an upper bound where no exact count is at hand.

## Why it matters
Azure refuses the row, OpenAI cuts its end off.

## Example
(a row of 70,000 tokens)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
azure-models, openai-supervised
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS, texts


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_tokens_per_example", 0)
    if not most:
        return
    size = sum(len(text.encode("utf-8", "replace")) for _, _, text in texts(row))
    tokens = -(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * len(row.messages)
    if tokens > most:
        yield Hit(f"about {tokens} tokens; the limit is {most}", pointer="/messages")


CHECK = Check(code="L010", scope="row", severity="EWEW", find=find, fix="unsafe")
