r"""M011 Images for a model that reads text only.

## What it finds
Image parts where the named model takes no images.

## Why it matters
The job fails.

## Example
(an image for gpt-4.1-nano)

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

# the hosted models that take images in training data, and the families that do elsewhere
_SEEING = ("gpt-4o", "gpt-4.1", "vision", "multimodal", "-vl")


def find(row: Row) -> Iterator[Hit]:
    name = row.model.lower()
    blind = name and ("mini" in name or "nano" in name or not any(one in name for one in _SEEING))
    if blind and any(isinstance(part, dict) and part.get("type") == "image_url" for _, _, part in parts(row)):
        yield Hit("images, and the model reads text only", pointer="/messages")


CHECK = Check(code="M011", scope="row", severity="EEEE", find=find, needs=("images",))
