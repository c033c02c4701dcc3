r"""R054 A label with spaces around it.

## What it finds
A label that begins or ends with a space or a line feed.

## Why it matters
It counts as a class of its own beside the same label without them.

## Example
{"text1": "The food was cold.", "label": "negative "}

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import CLASSIFICATION, shape_of


def find(row: Row) -> Iterator[Hit]:
    label = row.data.get("label")
    if shape_of(row.data) == CLASSIFICATION and isinstance(label, str) and label.strip() and label != label.strip():
        yield Hit("spaces around the label", pointer="/label")


CHECK = Check(code="R054", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
