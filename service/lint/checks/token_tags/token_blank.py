r"""R065 A token of spaces.

## What it finds
A token that is empty, or holds spaces only.

## Why it matters
Tokenizers make no piece of it: its tag has no place, and tags move against the tokens.

## Example
{"tokens": ["Anna", " ", "lives"], "ner_tags": ["B-PER", "O", "O"]}

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
from service.lint.shape import TOKEN_TAGS, shape_of


def find(row: Row) -> Iterator[Hit]:
    tokens = row.data.get("tokens")
    if shape_of(row.data) == TOKEN_TAGS and isinstance(tokens, list):
        for i, token in enumerate(tokens):
            if isinstance(token, str) and not token.strip():
                yield Hit("an empty token", pointer=f"/tokens/{i}")


CHECK = Check(code="R065", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
