r"""R026 A name that the service refuses.

## What it finds
`name` that is not 1 to 64 letters, digits, `_` or `-`.

## Why it matters
The upload is refused, or the template drops the name.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?", "name": "Anna B."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: drops the name.

## References
openai-cookbook, mistral-common
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        name = message.get("name")
        if "name" in message and not (isinstance(name, str) and NAME.fullmatch(name)):
            yield Hit("name is not 1 to 64 letters, digits, _ or -", pointer=f"/messages/{i}/name")


CHECK = Check(code="R026", scope="row", severity="WWWW", find=find, fix="safe", needs=("name",))
