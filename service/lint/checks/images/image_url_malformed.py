r"""M002 An image without its URL object.

## What it finds
`image_url` that is not an object with a `url`, or a `url` that is empty.

## Why it matters
The service refuses the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}]}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: a string is wrapped.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import image_url, parts


def find(row: Row) -> Iterator[Hit]:
    for place, _, part in parts(row):
        if isinstance(part, dict) and part.get("type") == "image_url" and not (image_url(part) or "").strip():
            yield Hit(
                "image_url is not an object with a url that says where the image is", pointer=f"{place}/image_url"
            )


CHECK = Check(code="M002", scope="row", severity="EEEW", find=find, fix="safe", needs=("images",))
