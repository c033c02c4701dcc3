r"""M003 An image outside a user message.

## What it finds
Images in assistant or system messages.

## Why it matters
Outputs have no images; the row is refused.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import parts


def find(row: Row) -> Iterator[Hit]:
    for place, who, part in parts(row):
        if isinstance(part, dict) and part.get("type") == "image_url" and who != "user":
            yield Hit("an image outside a user message", pointer=place)


CHECK = Check(code="M003", scope="row", severity="EEEW", find=find, needs=("images",))
