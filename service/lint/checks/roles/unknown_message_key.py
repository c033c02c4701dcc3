r"""R025 An unknown key in a message.

## What it finds
A message key that chat fine-tuning does not know.

## Why it matters
It is not trained; some services reject it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "mood": 1}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: no trainer reads the key. Keys that some do (reasoning_content, training and the like) stay.

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import MESSAGE_KEYS, TRAINER_KEYS, pointer

# F023 speaks of keys in wrong case, R035 of those of local trainers


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        for key in message:
            if key.strip().lower() not in MESSAGE_KEYS and key not in TRAINER_KEYS:
                yield Hit("unknown message key; leave it out", pointer=f"/messages/{i}{pointer(key)}")


CHECK = Check(code="R025", scope="row", severity="WWWI", find=find, fix="safe", needs=("message-key",))
