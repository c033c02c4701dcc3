r"""R044 The prompt ends with a space.

## What it finds
A prompt whose last character is a space or a tab; a line feed is a separator and is well.

## Why it matters
Tokenizers join a space to the word after it: the space belongs to the start of the completion, else training and use see different tokens.

## Example
{"prompt": "What is the capital of Norway? ", "completion": "Oslo."}

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
    prompt = row.data.get("prompt")
    if shape_of(row.data) == COMPLETION and isinstance(prompt, str) and prompt.strip() and prompt[-1] in " \t":
        yield Hit("the prompt ends with a space; write it at the start of the completion", pointer="/prompt")


CHECK = Check(code="R044", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
