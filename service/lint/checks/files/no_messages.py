r"""F020 The row has no messages.

## What it finds
A row without `messages`; a shape that is recognised is named.

## Why it matters
Chat fine-tuning reads `messages` only.

## Example
{"prompt": "Hi", "completion": "Hello"}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: converting other shapes is a verb of its own.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import shape_of


def find(row: Row) -> Iterator[Hit]:
    if "messages" not in row.data:
        shape = shape_of(row.data)
        if shape == "preference data (dpo)":
            return  # F024 says it
        yield Hit("no `messages`" + (f"; it looks like {shape}" if shape else ""))


CHECK = Check(code="F020", scope="row", severity="EEEE", find=find, methods=("sft", "rft"))
