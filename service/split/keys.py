"""What two rows may share, as hashes: the row itself, the prompt, the conversation, a key that a person names."""

from __future__ import annotations

from typing import Any

import msgspec
import xxhash

from service.convert.conversation import ROLES, Conversation, Reading
from service.convert.dialects import dialect_of, read_row
from service.convert.unconvertible import Unconvertible

# answers this short are classes, as long as there are few of them
LABEL_CHARACTERS = 40
_SYSTEM = ("system", "developer")


class Keys(msgspec.Struct, frozen=True, gc=False):
    """The hashes of one row.

    `prompt` is over all messages before the last answer, `whole` over the conversation and `openings` over its parts
    that end with an earlier answer; null where a row has none. `named` are the hashes of the keys
    that were asked for (null where the row has none), `label` is that of a short answer.
    """

    row: int
    prompt: int | None
    whole: int | None
    openings: list[int]
    named: list[int | None]
    label: int | None
    known: bool


def keys_of(data: dict[str, Any], by: tuple[str, ...]) -> Keys:
    """The hashes of a row; white space and letter case of texts make no difference to a prompt."""
    prompt, answer = _conversation(data)
    digest = xxhash.xxh3_64()
    openings = []
    for message in prompt:
        digest.update(_canonical(message))
        if message.get("role") == "assistant":
            openings.append(digest.intdigest())
    asked = digest.intdigest() if prompt else None
    for message in answer:
        digest.update(_canonical(message))
    return Keys(
        row=hashed(data),
        prompt=asked,
        whole=digest.intdigest() if answer else None,
        openings=openings,
        named=[_named(data, prompt, name) for name in by],
        label=_label(answer),
        known=bool(prompt or answer),
    )


def hashed(value: Any) -> int:
    """The same for equal JSON, whatever the order of keys."""
    return xxhash.xxh3_64_intdigest(msgspec.json.encode(value, order="sorted"))


def _conversation(data: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(prompt, answer), the preferred answer of a preference; both empty for a row of no known shape."""
    found = data.get("messages")
    if isinstance(found, list) and found and all(isinstance(one, dict) and "role" in one for one in found):
        return _cut([{**one, "role": _role(one["role"])} for one in found])
    dialect = dialect_of(data, preference=False)
    if dialect is None:
        return [], []
    try:
        read = read_row(data, dialect, Reading())
    except Unconvertible:
        return [], []
    return _cut(read.messages) if isinstance(read, Conversation) else (read.prompt, read.chosen)


def _cut(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Before the last answer, and from it; a conversation without an answer is all prompt."""
    last = max((i for i, one in enumerate(messages) if one["role"] == "assistant"), default=len(messages))
    return messages[:last], messages[last:]


def _role(found: Any) -> Any:
    return ROLES.get(found.strip().lower(), found) if isinstance(found, str) else found


def _canonical(message: dict[str, Any]) -> bytes:
    content = message.get("content")
    said = {key: value for key, value in message.items() if key != "weight" and value is not None}
    if isinstance(content, str):
        said["content"] = " ".join(content.split()).casefold()
    return msgspec.json.encode(said, order="sorted")


def _named(data: dict[str, Any], messages: list[dict[str, Any]], name: str) -> int | None:
    """The hash of the value at a key, with dots into objects; `system` is the system message."""
    if name == "system" and messages:
        texts = [_canonical(one).decode() for one in messages if one.get("role") in _SYSTEM]
        return hashed([name, texts]) if texts else None
    value: Any = data.get(name)
    if value is None:
        value = data
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
    return None if value is None else hashed([name, value])


def _label(messages: list[dict[str, Any]]) -> int | None:
    content = messages[-1].get("content") if len(messages) == 1 else None
    if not isinstance(content, str) or len(content) > LABEL_CHARACTERS:
        return None
    return xxhash.xxh3_64_intdigest(content.strip().encode())
