r"""R064 A tag outside the scheme of the row.

## What it finds
A name that is neither `O` nor begins with a letter of the scheme (B, I, E, S, L, U, M) and a hyphen, in a row whose other tags do.

## Why it matters
It counts as a class of its own: `PER` is not `B-PER`, `o` is not `O`.

## Example
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "o", "O", "LOC"]}

## Instead
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "O", "O", "B-LOC"]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.labelled import tags_of
from service.lint.shape import TOKEN_TAGS, shape_of

_IN_SCHEME = re.compile(r"O\Z|[BIESLUM]-.")


def find(row: Row) -> Iterator[Hit]:
    found = tags_of(row.data)
    if shape_of(row.data) != TOKEN_TAGS or found is None or not isinstance(found[1], list):
        return
    key, tags = found
    if any(isinstance(tag, str) and _IN_SCHEME.match(tag) and tag != "O" for tag in tags):
        for i, tag in enumerate(tags):
            if isinstance(tag, str) and not _IN_SCHEME.match(tag):
                yield Hit("a tag that is neither O nor of the form B-NAME", pointer=f"/{key}/{i}")


CHECK = Check(code="R064", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
