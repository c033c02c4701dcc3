r"""R062 Not one tag per token.

## What it finds
As many tags as tokens are wanted; there are more or fewer.

## Why it matters
From the first gap on, every tag belongs to another token; most trainers stop.

## Example
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "O", "B-LOC"]}

## Instead
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "O", "O", "B-LOC"]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.labelled import tags_of
from service.lint.shape import TOKEN_TAGS, shape_of


def find(row: Row) -> Iterator[Hit]:
    tokens, found = row.data.get("tokens"), tags_of(row.data)
    if shape_of(row.data) != TOKEN_TAGS or found is None or not isinstance(tokens, list):
        return
    key, tags = found
    if isinstance(tags, list) and len(tags) != len(tokens):
        yield Hit(f"{len(tokens)} tokens and {len(tags)} tags", pointer=f"/{key}")


CHECK = Check(code="R062", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
