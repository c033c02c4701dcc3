r"""Q021 Boilerplate of another model.

## What it finds
Phrases such as "as an AI language model" or "as of my last knowledge update" in an answer.

## Why it matters
The model learns somebody else's voice, and to decline.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "As an AI language model, I cannot know."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.patterns import BOILERPLATE
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    for place, who, text in texts(row):
        if who == "assistant" and BOILERPLATE.search(text):
            yield Hit("boilerplate of a chat model", pointer=place)


CHECK = Check(code="Q021", scope="row", severity="WWWW", find=find, reads=("boilerplate",))
