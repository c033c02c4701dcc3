r"""R045 Prompt and completion run together.

## What it finds
A prompt that ends with a letter or digit before a completion that begins with one.

## Why it matters
Trainers join the two without a space; the first word of the answer becomes a part of the last word of the prompt.

## Example
{"prompt": "The capital of Norway is", "completion": "Oslo."}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-python, own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    prompt, completion = row.data.get("prompt"), row.data.get("completion")
    if shape_of(row.data) != COMPLETION or not isinstance(prompt, str) or not isinstance(completion, str):
        return
    edge = prompt[-1:] + completion[:1]
    if len(edge) == 2 and edge.isascii() and edge.isalnum():
        yield Hit("no space or separator between prompt and completion", pointer="/completion")


CHECK = Check(code="R045", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
