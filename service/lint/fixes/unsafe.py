"""Fixes that may change what is trained: only with --unsafe-fixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from service.lint.fixes.rows import Data, Fixer, messages_of
from service.lint.shape import calls, role

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class DropRow(Exception):  # noqa: N818 - it is no error, it says what becomes of the row
    """The row has nothing to train on and is left out."""


def developer_messages(data: Data) -> Iterator[str]:
    """R008: developer messages become system messages."""
    for i, message in messages_of(data):
        if role(message) == "developer":
            message["role"] = "system"
            yield f"/messages/{i}/role"


def control_characters(data: Data) -> Iterator[str]:
    """F016: control characters are removed."""
    for i, message in messages_of(data):
        content = message.get("content")
        if isinstance(content, str) and _CONTROL.search(content):
            message["content"] = _CONTROL.sub("", content)
            yield f"/messages/{i}/content"


def empty_rows(data: Data) -> Iterator[str]:
    """R002, R022: rows without messages, or with an empty answer, are left out."""
    found = list(messages_of(data))
    empty_answers = any(role(m) == "assistant" and not calls(m) and _blank(m.get("content")) for _, m in found)
    if data.get("messages") == [] or empty_answers:
        raise DropRow
    yield from ()


def trailing_turns(data: Data) -> Iterator[str]:
    """R012: turns after the last answer are cut off."""
    found = data.get("messages")
    roles = [role(m) if isinstance(m, dict) else None for m in found] if isinstance(found, list) else []
    if isinstance(found, list) and "assistant" in roles and roles[-1] != "assistant":
        last = len(roles) - 1 - roles[::-1].index("assistant")
        del found[last + 1 :]
        yield f"/messages/{last + 1}"


def system_messages(data: Data) -> Iterator[str]:
    """R013, R014: system messages are joined into one at the start."""
    found = data.get("messages")
    if not isinstance(found, list):
        return
    systems = [(i, m) for i, m in messages_of(data) if role(m) == "system" and isinstance(m.get("content"), str)]
    if len(systems) > 1 or (systems and systems[0][0] != 0):
        joined: dict[str, Any] = {**systems[0][1], "content": "\n\n".join(m["content"] for _, m in systems)}
        kept = [m for m in found if not any(m is one for _, one in systems)]
        found[:] = [joined, *kept]
        yield f"/messages/{systems[-1][0]}"


def _blank(content: object) -> bool:
    return content is None or (isinstance(content, str) and not content.strip())


UNSAFE: dict[str, Fixer] = {
    "R008": developer_messages,
    "F016": control_characters,
    "R022": empty_rows,
    "R012": trailing_turns,
    "R014": system_messages,
}
# one fix mends the findings of several rules
ALSO = {"R002": "R022", "R013": "R014"}
