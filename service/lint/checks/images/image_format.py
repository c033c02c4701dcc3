r"""M007 An image of another format.

## What it finds
A data URI that is not JPEG, PNG or WEBP, or whose bytes are of another format than it says.

## Why it matters
The example is skipped without a word.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}}]}, {"role": "assistant", "content": "A dot."}]}

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
    for place, _, part in parts(row):
        image = data_uri(part)
        if image is None:
            continue
        seen = FORMATS.get(image[1][:4])
        if image[0] not in {"image/jpeg", "image/png", "image/webp"}:
            yield Hit("an image that is not JPEG, PNG or WEBP", pointer=place)
        elif seen is None or f"image/{seen}" != image[0]:
            yield Hit("the bytes are of another format than the URI says", pointer=place)


# the first bytes of each format, as base64 writes them
FORMATS = {"/9j/": "jpeg", "iVBO": "png", "UklG": "webp"}


CHECK = Check(code="M007", scope="row", severity="EEEW", find=find, needs=("images",))
