r"""R057 Labels of several types.

## What it finds
Labels (or tags) that are names in some rows and numbers or booleans in others.

## Why it matters
The loader makes text of all of them or stops: `1` and `"1"` become one class or two.

## Example
(rows with the labels `1` and `"1"`)

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if len(facts.label_kinds) > 1:
        found = ", ".join(f"{name} x {rows}" for name, rows in sorted(facts.label_kinds.items()))
        rarest = min(facts.label_kinds, key=lambda name: (facts.label_kinds[name], name))
        first = facts.first_of_label_type[rarest]
        yield Hit(f"labels of several types: {found}; the first {rarest} is here", line=first.line, path=first.path)


CHECK = Check(code="R057", scope="corpus", severity="EEEE", find=find, methods=("sft",))
