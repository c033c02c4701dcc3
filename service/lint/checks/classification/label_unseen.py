r"""R058 A label that training never shows.

## What it finds
A label or tag of the validation data that no training row has.

## Why it matters
The model cannot give it: such rows count as wrong whatever is learned, and label encoders stop.

## Example
(validation rows with a label that no training row has)

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    for place in facts.unseen_labels:
        yield Hit("a label that no training row has", path=place.path, line=place.line)


CHECK = Check(code="R058", scope="split", severity="EEEE", find=find, methods=("sft",))
