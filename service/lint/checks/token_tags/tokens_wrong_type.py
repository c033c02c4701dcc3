r"""R060 Tokens that are no list of texts.

## What it finds
`tokens` that are missing, empty, no list, or a list of something else than texts.

## Why it matters
There is nothing to tag.

## Example
{"tokens": "Anna lives in Oslo", "ner_tags": ["B-PER", "O", "O", "B-LOC"]}

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
from service.lint.shape import TOKEN_TAGS, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != TOKEN_TAGS:
        return
    tokens = row.data.get("tokens")
    if not isinstance(tokens, list):
        yield Hit(
            f"saw a {kind(tokens)}; tokens is a list of texts", pointer="/tokens" if "tokens" in row.data else None
        )
    elif not tokens:
        yield Hit("no token", pointer="/tokens")
    else:
        wrong = ((i, one) for i, one in enumerate(tokens) if not isinstance(one, str))
        yield from (Hit(f"saw a {kind(one)}; a token is text", pointer=f"/tokens/{i}") for i, one in wrong)


CHECK = Check(code="R060", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
