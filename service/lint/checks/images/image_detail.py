r"""M010 An image detail that does not exist.

## What it finds
`detail` that is not low, high or auto.

## Why it matters
The row is refused.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "medium"}}]}, {"role": "assistant", "content": "A map."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the detail; the service then chooses.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import parts


def find(row: Row) -> Iterator[Hit]:
    for place, _, part in parts(row):
        found = part.get("image_url") if isinstance(part, dict) else None
        if isinstance(found, dict) and found.get("detail", "auto") not in ("low", "high", "auto"):
            yield Hit("detail is low, high or auto", pointer=f"{place}/image_url/detail")


CHECK = Check(code="M010", scope="row", severity="EE--", find=find, fix="safe", needs=("images",))
