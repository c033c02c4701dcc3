r"""F028 Tagged tokens for a target that reads text.

## What it finds
A row of `tokens` and `tags` (or `ner_tags`); no shipped target trains a tagger.

## Why it matters
The job is refused, or the trainer stops at the first row; a profile of an own trainer can turn this rule off.

## Example
{"tokens": ["Anna", "lives", "in", "Oslo"], "ner_tags": ["B-PER", "O", "O", "B-LOC"]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: what a chat should ask for is a person's choice.

## References
azure-fine-tuning, azure-serverless, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import TOKEN_TAGS, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == TOKEN_TAGS:
        yield Hit("a row of tagged tokens; this target trains no tagger: write chats that ask for the tags")


CHECK = Check(code="F028", scope="row", severity="EEEE", find=find, methods=("sft", "rft"), needs=("no-messages",))
