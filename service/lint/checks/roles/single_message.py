r"""R018 A single message.

## What it finds
A row with one message only.

## Why it matters
There is no prompt to answer, or no answer to learn.

## Example
{"messages": [{"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
mistral-common, torchtune
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row


def find(row: Row) -> Iterator[Hit]:
    if len(row.messages) == 1:
        yield Hit("one message; a row has a prompt and its answer", pointer="/messages")


CHECK = Check(
    code="R018", scope="row", severity="EEEE", find=find, fix="unsafe", methods=("sft",), needs=("turns", "unanswered")
)
