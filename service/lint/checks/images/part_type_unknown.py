r"""M001 A content part of unknown type.

## What it finds
A part without a type, or of a type that is neither text nor image_url.

## Why it matters
The service refuses the row.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"text": "Hi?"}]}, {"role": "assistant", "content": "Hello."}]}

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
    for place, _, part in parts(row):
        if not isinstance(part, dict) or part.get("type") not in ("text", "image_url"):
            yield Hit("a part that is neither text nor image_url", pointer=place)
        elif part["type"] == "text" and not isinstance(part.get("text"), str):
            yield Hit("a text part without text", pointer=place)


CHECK = Check(code="M001", scope="row", severity="EEEW", find=find, needs=("parts",))
