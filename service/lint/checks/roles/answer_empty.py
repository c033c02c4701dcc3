r"""R022 An empty answer.

## What it finds
Assistant content that is empty, white space or parts without a text, without a call.

## Why it matters
The model learns to say nothing.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": " "}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import calls, is_blank, role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        content = message.get("content")
        if role(message) == "assistant" and is_blank(content) and not calls(message):
            unit = "parts" if isinstance(content, list) else "characters"
            yield Hit(
                f"assistant content of {len(content)} {unit}, none of them visible", pointer=f"/messages/{i}/content"
            )


CHECK = Check(code="R022", scope="row", severity="EEEE", find=find, fix="unsafe", needs=("blank",))
