r"""R005 A role that the target does not know.

## What it finds
A role other than system, developer, user, assistant, tool, function.

## Why it matters
Templates and services reject it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "human", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe for known aliases (human, gpt, bot, model).

## References
openai-cookbook
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import ALIASES, ROLES


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        role = message.get("role")
        if isinstance(role, str) and role.strip().lower() not in ROLES:
            alias = ALIASES.get(role.strip().lower())
            seen = f"; {role.strip().lower()!r} is written {alias!r} here" if alias else ""
            yield Hit(f"unknown role{seen}; roles are {', '.join(ROLES)}", pointer=f"/messages/{i}/role")


CHECK = Check(code="R005", scope="row", severity="EEEE", find=find, fix="safe", needs=("role",))
