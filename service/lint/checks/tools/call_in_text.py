r"""T027 A tool call written as text.

## What it finds
`<tool_call>` or a fenced object with name and arguments in an answer.

## Why it matters
The model learns to print calls instead of making them.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"}]}

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
from service.lint.patterns import CALL
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, who, text in texts(row):
        if who == "assistant" and CALL.search(text):
            yield Hit("a tool call as text", pointer=place)


CHECK = Check(code="T027", scope="row", severity="WWWW", find=find, reads=("call",))
