"""How a chat row becomes tokens: the texts to count, and what the frame around them adds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from service.lint.shape import ROLES

Count = Callable[[list[str]], list[int]]
# OpenAI's published scheme for chat models (openai/openai-cookbook Chat_finetuning_data_prep.ipynb @2e652704, read
# 2026-11-21): 3 per message, 1 more for a name, 3 that open the reply; every string field of a message is counted
_PER_MESSAGE, _PER_NAME, _REPLY = 3, 1, 3
_STRING_FIELDS = ("content", "name", "refusal", "tool_call_id")
_CALLS = ("tool_calls", "function_call")
_DECLARED = ("tools", "functions")


class Framed(NamedTuple):
    """A row's texts, the tokens to add to their counts, and whether tools or images make the sum approximate."""

    texts: list[str]
    added: int
    approximate: bool


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens around the texts: `start` per row, one figure per role, `per_name` per message with a name.

    `exact` says whether this gave the very count of whole conversations when it was tried on some; a local template's
    frame may still join with text that begins or ends with white space. `scheme` is a phrase for the report.
    """

    start: int
    by_role: dict[str, int]
    other_role: int
    per_name: int = 0
    fields: tuple[str, ...] = ("content",)
    exact: bool
    scheme: str

    def tokens(self, roles: Sequence[str], *, names: int = 0) -> int:
        """What the frame adds to a conversation of these roles."""
        known, other = self.by_role, self.other_role
        return self.start + names * self.per_name + sum([known.get(role, other) for role in roles])

    def row(self, data: Mapping[str, Any]) -> Framed:
        """A chat row as it was decoded, whatever it holds."""
        messages = data.get("messages")
        declared = [data[key] for key in _DECLARED if data.get(key)]
        return self.conversation(messages if isinstance(messages, list) else [], declared)

    def conversation(self, messages: Sequence[Any], declared: Sequence[Any] = ()) -> Framed:
        """Messages with the tools that they were given.

        Tools and calls count as their JSON text without spaces (what a provider renders them as is not published) and
        images as nothing: both make the sum approximate.
        """
        objects = [message for message in messages if isinstance(message, dict)]
        texts = [text for message in objects for text in self._texts(message)]
        calls = [message[key] for message in objects for key in _CALLS if message.get(key)]
        texts += [json_text(value) for value in (*calls, *declared)]
        names = sum(isinstance(message.get("name"), str) for message in objects)
        added = self.tokens([str(message.get("role")) for message in objects], names=names)
        return Framed(texts, added, bool(calls or declared) or any(map(_has_other_parts, objects)))

    def _texts(self, message: dict[str, Any]) -> Iterator[str]:
        for field in self.fields:
            value = message.get(field)
            if isinstance(value, str):
                yield value
            elif field == "content" and isinstance(value, list):
                yield from (text for part in value if (text := _part_text(part)) is not None)


def chat_completions_framing(count: Count) -> Framing:
    """The scheme of OpenAI's chat models; a role counts as its name."""
    sizes = dict(zip(ROLES, count(list(ROLES)), strict=True))
    return Framing(
        start=_REPLY,
        by_role={role: _PER_MESSAGE + size for role, size in sizes.items()},
        other_role=_PER_MESSAGE + 1,
        per_name=_PER_NAME,
        fields=_STRING_FIELDS,
        exact=True,
        scheme="3 tokens per message, its role and its texts, 1 more for a name, 3 for the reply (OpenAI's cookbook)",
    )


def json_text(value: Any) -> str:
    """The JSON text that a tool or a call is counted as: keys in their order, no spaces, nothing escaped."""
    try:
        return msgspec.json.encode(value, enc_hook=float).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _part_text(part: Any) -> str | None:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else None


def _has_other_parts(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(_part_text(part) is None for part in content)
