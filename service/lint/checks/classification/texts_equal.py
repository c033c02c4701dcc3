r"""R055 Both texts of a pair are equal.

## What it finds
A pair whose `text1` and `text2` are the same text.

## Why it matters
A pair that is its own twin is mostly a slip of the export; the label says nothing.

## Example
{"text1": "The food was cold.", "text2": "The food was cold.", "label": "same"}

## Instead
{"text1": "The food was cold.", "text2": "They served it cold.", "label": "same"}

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
    texts = row.data.get("text1"), row.data.get("text2")
    if shape_of(row.data) == CLASSIFICATION and isinstance(texts[0], str) and texts[0] == texts[1]:
        yield Hit("both texts are the same", pointer="/text2")


CHECK = Check(code="R055", scope="row", severity="IIII", find=find, methods=("sft",), needs=("no-messages",))
