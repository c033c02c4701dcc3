r"""R047 The text is empty or no text.

## What it finds
A row of plain text whose `text` is empty, holds spaces only, or is no text.

## Why it matters
There is nothing to train on; what is no text stops the trainer.

## Example
{"text": " "}

## Instead
{"text": "The library opens at nine."}

## Fix safety
No fix: only a person knows what was meant.

## References
trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import PLAIN_TEXT, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != PLAIN_TEXT:
        return
    text = row.data["text"]
    if not isinstance(text, str):
        yield Hit(f"saw a {kind(text)}; `text` is text", pointer="/text")
    elif not text.strip():
        yield Hit("an empty text", pointer="/text")


CHECK = Check(code="R047", scope="row", severity="EEEE", find=find, methods=("sft",))
