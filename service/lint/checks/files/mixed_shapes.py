r"""F021 Rows of different shapes.

## What it finds
Some rows are chats, others of another shape that is known.

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
from service.lint.shape import WITH_RULES


def find(facts: CorpusFacts) -> Iterator[Hit]:
    # F020 speaks of rows of no shape that has rules
    known = {name: count for name, count in facts.shapes.items() if name in WITH_RULES}
    if len(known) > 1:
        found = ", ".join(f"{name} x {count:,}" for name, count in sorted(known.items()))
        rarest = min(known, key=lambda name: (known[name], name))
        first = facts.first_of_shape[rarest]
        yield Hit(
            f"rows of several shapes: {found}; the first {rarest} row stands here, put each shape into a file",
            line=first.line,
            path=first.path,
        )


CHECK = Check(code="F021", scope="corpus", severity="EEEE", find=find)
