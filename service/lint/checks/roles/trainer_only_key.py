r"""R035 A key of another trainer.

## What it finds
`training`, `training_detail` or `thinking` in a message.

## Why it matters
Hosted services refuse or ignore it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "training": true}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the key; `training: false` on an answer is written as weight 0.

## References
axolotl, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import TRAINER_KEYS


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        for key in TRAINER_KEYS:
            if key in message:
                yield Hit(f"`{key}` is a key of a local trainer", pointer=f"/messages/{i}/{key}")


CHECK = Check(code="R035", scope="row", severity="WWW-", find=find, fix="safe", needs=("message-key",))
