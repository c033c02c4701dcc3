r"""F021 Rows of different shapes.

## What it finds
Some rows are chats, others another shape.

## Why it matters
Loaders fill the missing column with nulls and train on nothing.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}
{"prompt": "Hi", "completion": "Hello"}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if len(facts.shapes) > 1:
        found = ", ".join(f"{name} x {count}" for name, count in sorted(facts.shapes.items()))
        yield Hit(f"rows of several shapes: {found}")


CHECK = Check(code="F021", scope="corpus", severity="EEEE", find=find)
