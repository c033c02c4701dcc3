r"""R042 The completion is empty.

## What it finds
A completion that is empty or holds spaces only.

## Why it matters
The model learns to say nothing.

## Example
{"prompt": "What is the capital of Norway?", "completion": " "}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-python, openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    completion = row.data.get("completion")
    if shape_of(row.data) == COMPLETION and (
        completion == [] or (isinstance(completion, str) and not completion.strip())
    ):
        yield Hit("an empty completion", pointer="/completion")


CHECK = Check(code="R042", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
