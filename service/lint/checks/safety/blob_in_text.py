r"""S022 Scripts or encoded blobs in text.

## What it finds
Script elements or long base64 runs in text: of messages, calls, tools and both answers of a preference.

## Why it matters
Encoded bytes eat the context and teach nothing.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "<script>run()</script>"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.every_text import every_text
from service.lint.patterns import BLOB


def find(row: Row) -> Iterator[Hit]:
    for one in every_text(row):
        if BLOB.search(one.text):
            yield Hit("a script or an encoded blob", pointer=one.place)


CHECK = Check(code="S022", scope="row", severity="IIII", find=find, reads=("blob",))
