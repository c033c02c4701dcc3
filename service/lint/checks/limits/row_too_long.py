r"""L010 A row of more tokens than the model takes.

## What it finds
A row whose tokens exceed the limit of the model, estimated at four bytes a token where none can be counted (L090 says so).

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


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_tokens_per_example", 0)
    if not most:
        return
    if row.tokens > most:
        yield Hit(f"{row.tokens} tokens; the limit is {most}", pointer="/messages" if "messages" in row.data else None)


CHECK = Check(code="L010", scope="row", severity="EWEW", find=find, fix="unsafe", needs=("long",))
