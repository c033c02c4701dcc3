r"""R061 Tags that are no list of names or numbers.

## What it finds
Tags that are missing, no list, neither names nor whole numbers, of both kinds, or numbers below zero other than -100.

## Why it matters
A tagger learns one class per token; -100 is the one number that the loss leaves out.

## Example
{"tokens": ["Anna", "lives"], "ner_tags": ["B-PER", 0]}

## Instead
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "O", "O", "B-LOC"]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.labelled import IGNORED_TAG, tags_of
from service.lint.shape import TOKEN_TAGS, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != TOKEN_TAGS:
        return
    found = tags_of(row.data)
    if found is None:
        yield Hit("no `tags` and no `ner_tags`")
        return
    key, tags = found
    if not isinstance(tags, list):
        yield Hit(f"saw a {kind(tags)}; {key} is a list of names or of whole numbers", pointer=f"/{key}")
        return
    for i, tag in enumerate(tags):
        if type(tag) not in {str, int}:
            yield Hit(f"saw a {kind(tag)}; a tag is a name or a whole number", pointer=f"/{key}/{i}")
        elif isinstance(tag, int) and tag < 0 and tag != IGNORED_TAG:
            yield Hit(f"a number below zero; only {IGNORED_TAG} is left out of the loss", pointer=f"/{key}/{i}")
    if {type(tag) for tag in tags} >= {str, int}:
        yield Hit("names and numbers in one row", pointer=f"/{key}")


CHECK = Check(code="R061", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
