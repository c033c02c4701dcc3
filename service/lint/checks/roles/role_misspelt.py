r"""R006 A role in wrong case or with spaces.

## What it finds
`Assistant`, `user ` and the like.

## Why it matters
Roles are compared letter by letter.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "User", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: the role is respelt.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import ROLES


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        role = message.get("role")
        if isinstance(role, str) and role not in ROLES and role.strip().lower() in ROLES:
            yield Hit(
                f"role in wrong case or with spaces; write {role.strip().lower()!r}", pointer=f"/messages/{i}/role"
            )


CHECK = Check(code="R006", scope="row", severity="EEEE", find=find, fix="safe", needs=("role",))
