r"""M009 An image that is neither RGB nor RGBA.

## What it finds
A data URI of a grey, palette or CMYK image; images behind other URLs are not fetched.

## Why it matters
The service asks for RGB or RGBA; such an image is skipped, and its row with it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="}}]}, {"role": "assistant", "content": "A dot."}]}

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
from service.lint.colours import colour_mode
from service.lint.shape import data_uri, parts


def find(row: Row) -> Iterator[Hit]:
    for place, _, part in parts(row):
        image = data_uri(part)
        colours = colour_mode(image[1]) if image is not None else None
        if colours is not None and colours not in {"RGB", "RGBA"}:
            yield Hit(f"{colours} colours; RGB or RGBA is wanted", pointer=place)


CHECK = Check(code="M009", scope="row", severity="WW--", find=find, needs=("images",))
