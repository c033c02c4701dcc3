r"""G008 A prompt that asks for the chain of thought.

## What it finds
Phrases that ask a reasoning model to show its reasoning.

## Why it matters
Hosted services may block the job.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Show your chain of thought."}], "reference": "Hello."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import texts

_PHRASE = re.compile(r"\bchain[- ]of[- ]thought\b|\bthink step by step\b", re.IGNORECASE)


def find(row: Row) -> Iterator[Hit]:
    for place, _, text in texts(row):
        if _PHRASE.search(text):
            yield Hit("asks for the chain of thought", pointer=place)


CHECK = Check(code="G008", scope="row", severity="I---", find=find, methods=("rft",))
