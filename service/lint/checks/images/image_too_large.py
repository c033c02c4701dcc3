r"""M006 An image of more than 10 MB.

## What it finds
A data URI whose image is larger than the limit.

## Why it matters
The example is refused or skipped.

## Example
(an image of 11 MB)

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
from service.lint.shape import data_uri, parts


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_image_bytes", 0)
    for place, _, part in parts(row):
        image = data_uri(part)
        if image is not None and most and len(image[1]) * 3 // 4 > most:
            yield Hit(f"about {len(image[1]) * 3 // 4} bytes; the limit is {most}", pointer=place)


CHECK = Check(code="M006", scope="row", severity="EE--", find=find, needs=("images",))
