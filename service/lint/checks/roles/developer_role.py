r"""R008 A developer message.

## What it finds
Messages whose role is `developer`.

## Why it matters
Newer models take it in place of `system`; others, and chat templates, refuse it.

## Example
{"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: writes `system`, which some models rank lower.

## References
azure-rft, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if role(message) == "developer":
            yield Hit("a developer message; models that do not know it want system", pointer=f"/messages/{i}/role")


CHECK = Check(code="R008", scope="row", severity="IIWW", find=find, fix="unsafe", needs=("developer",))
