r"""Q022 A placeholder that was not filled.

## What it finds
`[NAME]`, `[Your Name]`, `{name}`, `{{item.x}}`, TODO or lorem ipsum in text; code (fences, backticks) is left alone.

## Why it matters
The model learns to print the placeholder.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Dear [CUSTOMER NAME], hello."}]}

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
from service.lint.patterns import PLACEHOLDER, without_code
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        if PLACEHOLDER.search(text) and PLACEHOLDER.search(without_code(text)):
            yield Hit("a placeholder that was not filled", pointer=place)


CHECK = Check(code="Q022", scope="row", severity="WWWW", find=find, reads=("placeholder",))
