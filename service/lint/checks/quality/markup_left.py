r"""Q025 Markup left in text.

## What it finds
HTML elements or entities in text; code (fences, backticks) is left alone.

## Why it matters
Leftovers of scraping.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.<br/>Welcome&nbsp;in."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: removes elements and writes entities as characters, outside of code; markup that was meant goes with it.

## References
nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import MARKUP, without_code
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        if MARKUP.search(text) and MARKUP.search(without_code(text)):
            yield Hit("HTML left in the text", pointer=place)


CHECK = Check(code="Q025", scope="row", severity="IIII", find=find, fix="unsafe", reads=("markup",))
