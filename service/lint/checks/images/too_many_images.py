r"""M004 More images than the target takes.

## What it finds
More images in a row than the target's limit.

## Why it matters
The row is refused. Azure's page says 64 and, in its troubleshooting table, 10.

## Example
(a row of 65 images)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-vision, openai-vision
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import parts


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_images_per_example", 0)
    found = sum(isinstance(part, dict) and part.get("type") == "image_url" for _, _, part in parts(row))
    if most and found > most:
        yield Hit(f"{found} images; the limit is {most}", pointer="/messages")


CHECK = Check(code="M004", scope="row", severity="EE--", find=find, needs=("images",))
