r"""R023 An empty message of another role.

## What it finds
Content that is empty, white space or parts without a text in a system, user or tool message.

## Why it matters
The model learns to answer nothing.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ""}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops an empty system message, and a row whose user message is empty. An empty tool result may be one and stays.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import is_blank, role, shown_role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        content = message.get("content")
        if role(message) != "assistant" and is_blank(content):
            unit = "parts" if isinstance(content, list) else "characters"
            yield Hit(
                f"{shown_role(message)} content of {len(content)} {unit}, none visible",
                pointer=f"/messages/{i}/content",
            )


CHECK = Check(code="R023", scope="row", severity="WWWW", find=find, fix="unsafe", needs=("blank",))
