r"""F020 The row has no messages.

## What it finds
A row without `messages` and of no shape with rules of its own; a shape that is recognised is named.

## Why it matters
Chat fine-tuning reads `messages` only.

## Example
{"instruction": "Say hello.", "output": "Hello."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: converting other shapes is a verb of its own.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import WITH_RULES, has_key, shape_of


def find(row: Row) -> Iterator[Hit]:
    # F023 speaks of a key that is misspelt
    if not has_key(row.data, "messages"):
        shape = shape_of(row.data)
        # F024 speaks of preference data, F026 to F029 of the others
        if shape not in WITH_RULES:
            seen = f"; it looks like {shape}" if shape else ""
            convert = ": tunegate convert makes chats of it" if shape in {"sharegpt", "alpaca"} else ""
            yield Hit(f"no `messages`{seen}{convert}")


CHECK = Check(code="F020", scope="row", severity="EEEE", find=find, methods=("sft", "rft"), needs=("no-messages",))
