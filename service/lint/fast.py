"""Tier 1: rows that are plainly clean, told at the speed of one typed decode.

A row that passes here is one on which no line or row check can fire (a property test holds the two together);
every other line goes to tier 2, which walks it with all checks.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from service.lint.patterns import cut_off, repeats, suspicious
from service.lint.shape import SPECIAL

# a row that may pass a length limit is measured exactly
_LONGEST = 16_000


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


def plainly_clean(line: bytes, *, weights: bool = True, gated: bool = True) -> Chat | None:
    """The row when nothing can be wrong with it, else None (which says nothing yet).

    With `weights` false a row that carries weights is never plain: the target does not read them. `gated` says that
    the gate held the line back (or was not asked).
    """
    if gated and (suspicious(line) or SPECIAL.search(line.decode("utf-8", "replace"))):
        return None
    if b"\\u" in line or len(line) > _LONGEST:
        return None  # an escape may hide a marker
    if b'"weight"' in line and not weights:
        return None
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
    return chat if _contents_well(messages, line.count(b'"weight"')) else None


def _contents_well(messages: list[System | User | Assistant], weights: int) -> bool:
    """Whether no check of contents and weights can fire; a row whose last answer counts is trained on."""
    for message in messages:
        content = message.content
        if not content or content.isspace():
            return False
        if type(message) is Assistant:
            weights -= message.weight is not None
            if repeats(content) or cut_off(content):
                return False
    return weights == 0 and messages[-1].weight != 0  # type: ignore[union-attr]


def _in_turns(messages: list[System | User | Assistant]) -> bool:
    start = 1 if messages and type(messages[0]) is System else 0
    turns = messages[start:]
    if not turns or len(turns) % 2:
        return False
    return all(type(one) is (User if i % 2 == 0 else Assistant) for i, one in enumerate(turns))
