r"""R036 A key that messages of another role have.

## What it finds
A call (`tool_calls`, `function_call`) or a `refusal` in a message that is not the assistant's, `tool_call_id` in one that is not a tool's.

## Why it matters
Only assistants call, and only tools answer calls: the key is lost, or the job refused.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?", "tool_call_id": "c1"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: the key may be wrong, or the role.

## References
azure-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import OWNERS, ROLES, role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        who = role(message)
        for key, owner in OWNERS.items():
            # an empty key is what is left of a message that was written with all its fields
            if message.get(key) and who in ROLES and who != owner:
                yield Hit(
                    f"`{key}` in a {who} message; it is a key of {owner} messages", pointer=f"/messages/{i}/{key}"
                )


CHECK = Check(code="R036", scope="row", severity="WWWW", find=find, needs=("stray-key",))
