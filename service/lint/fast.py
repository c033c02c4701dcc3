"""Tier 1: rows that are plainly clean, told at the speed of one typed decode.

A row that passes here is one on which no line or row check can fire (a property test holds the two together);
every other line goes to tier 2, which walks it with all checks.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from service.lint.shape import SPECIAL


class System(msgspec.Struct, frozen=True, tag_field="role", tag="system", forbid_unknown_fields=True, gc=False):
    content: str


class User(msgspec.Struct, frozen=True, tag_field="role", tag="user", forbid_unknown_fields=True, gc=False):
    content: str


class Assistant(msgspec.Struct, frozen=True, tag_field="role", tag="assistant", forbid_unknown_fields=True, gc=False):
    content: str
    weight: Literal[0, 1] | None = None


class Chat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A row of the plainest kind: system first, then user and assistant in turns."""

    messages: list[System | User | Assistant]


DECODER = msgspec.json.Decoder(Chat)


def plainly_clean(line: bytes) -> Chat | None:
    """The row when nothing can be wrong with it, else None (which says nothing yet)."""
    if b"<" in line and SPECIAL.search(line.decode("utf-8", "replace")):
        return None
    if b"\\u" in line or b"[INST]" in line or b"[/INST]" in line:
        return None  # an escape may hide a marker
    try:
        chat = DECODER.decode(line)
    except (ValueError, RecursionError):
        return None
    messages = chat.messages
    # msgspec keeps the last of two equal keys without a word, so the keys are counted
    if line.count(b'"role"') != len(messages) or line.count(b'"content"') != len(messages):
        return None
    if line.count(b'"messages"') != 1 or not _in_turns(messages):
        return None
    weights = sum(type(m) is Assistant and m.weight is not None for m in messages)
    if line.count(b'"weight"') != weights or not all(m.content.strip() for m in messages):
        return None
    trained = any(type(m) is Assistant and m.weight != 0 for m in messages)
    return chat if trained else None


def _in_turns(messages: list[System | User | Assistant]) -> bool:
    start = 1 if messages and type(messages[0]) is System else 0
    turns = messages[start:]
    if not turns or len(turns) % 2:
        return False
    return all(type(one) is (User if i % 2 == 0 else Assistant) for i, one in enumerate(turns))
