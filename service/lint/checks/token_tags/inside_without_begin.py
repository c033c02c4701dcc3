r"""R063 A tag goes on with what did not begin.

## What it finds
An `I-` tag whose token before is neither the `B-` nor the `I-` of the same entity.

## Why it matters
In the BIO scheme an entity begins with B-; readers of it drop such an entity or merge it with another. The older IOB1 scheme allows it: then convert.

## Example
{"tokens": ["in", "Oslo"], "ner_tags": ["O", "I-LOC"]}

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
    found = tags_of(row.data)
    if shape_of(row.data) != TOKEN_TAGS or found is None or not isinstance(found[1], list):
        return
    key, before = found[0], ""
    for i, tag in enumerate(found[1]):
        name = tag if isinstance(tag, str) else ""
        if name[:2] == "I-" and before not in {name, f"B-{name[2:]}"}:
            yield Hit("an I- tag without its B-", pointer=f"/{key}/{i}")
        before = name


CHECK = Check(code="R063", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("no-messages",))
