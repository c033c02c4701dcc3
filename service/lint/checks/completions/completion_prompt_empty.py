r"""R043 The prompt is empty.

## What it finds
A prompt that is empty or holds spaces only.

## Why it matters
The model learns to answer what nobody asked; open-ended generation is the one use of it.

## Example
{"prompt": "", "completion": "Oslo is a city."}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-python
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    prompt = row.data.get("prompt")
    if shape_of(row.data) == COMPLETION and (prompt == [] or (isinstance(prompt, str) and not prompt.strip())):
        yield Hit("an empty prompt", pointer="/prompt")


CHECK = Check(code="R043", scope="row", severity="WWWI", find=find, methods=("sft",), needs=("no-messages",))
