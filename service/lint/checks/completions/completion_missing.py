r"""R040 Prompt or completion is missing.

## What it finds
A prompt/completion row without one of the two, or with null in its place.

## Why it matters
There is nothing to train on, or nothing to answer.

## Example
{"prompt": "What is the capital of Norway?"}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != COMPLETION:
        return
    for key in ("prompt", "completion"):
        if row.data.get(key) is None:
            yield Hit(
                f"no `{key}`; a row has a prompt and its completion", pointer=f"/{key}" if key in row.data else None
            )


CHECK = Check(code="R040", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
