"""What makes two rows the same: hashes of what is asked and of what is answered.

Rows are compared by what is trained on, so spaces between tokens of JSON, escapes, the order of keys and keys that no
trainer reads make no difference. xxh3, 64 bits of the prompt and 32 of the answer: among ten million rows with one
prompt each, two prompts share a hash by chance with probability 3e-6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import xxhash

from service.lint.check import Row
from service.lint.shape import PLAIN_TEXT, outputs, preference_input, role, shape_of

_LOW = 0xFFFFFFFF
_ENCODER = msgspec.json.Encoder(order="sorted")
# stands between texts of a row: a control character that nothing looks for
SEPARATOR = "\x7f"


class Key(NamedTuple):
    """Hashes; 0 stands for a part that the row does not have. `other` is the output that is not preferred."""

    prompt: int
    answer: int = 0
    other: int = 0


def plain_keys(
    contents: list[list[str]], joined: list[str], weights: Mapping[int, Sequence[int | None]]
) -> tuple[list[int], list[int]]:
    """(prompts, answers) of conversations of system, user and assistant in turns: texts, and these with `SEPARATOR`.

    `weights` are those of the assistants' messages by place, and part of the prompt.
    """
    digest = xxhash.xxh3_64_intdigest
    prompts: list[int] = []
    answers: list[int] = []
    # in one pass: what is encoded for a row is given back before the next one, and is still in the cache
    for text, texts in zip(joined, contents, strict=True):
        answer = texts[-1].encode("utf-8", "surrogatepass")
        answers.append(digest(answer) & _LOW or 1)
        prompts.append(digest(text.encode("utf-8", "surrogatepass")[: -1 - len(answer)]) or 1)
    for place, found in weights.items():
        prompts[place] = text_hash(f"{SEPARATOR.join(contents[place][:-1])}{SEPARATOR}{found}")
    return prompts, answers


def row_key(raw: bytes, data: Any, method: str) -> Key:
    """Of any line; what is no row of a known shape is compared byte for byte."""
    if not isinstance(data, dict):
        return Key(_hash(raw.strip()))
    if method == "dpo":
        return _preference(raw, data)
    messages = [message for _, message in Row(data).messages]
    if not messages:
        return _other_shape(raw, data)
    if len(data["messages"]) != len(messages):
        return Key(_hash(raw.strip()))
    return _conversation(data, messages)


def text_hash(text: str) -> int:
    """Of one text, whatever it holds; never 0."""
    return _hash(text.encode("utf-8", "surrogatepass"))


def _conversation(data: dict[str, Any], messages: list[dict[str, Any]]) -> Key:
    *before, last = messages
    if role(last) != "assistant" or not isinstance(last.get("content"), str):
        return Key(_hash(canonical([data.get("tools"), messages])))
    if _in_plain_turns(messages) and not data.get("tools"):
        weights = [message.get("weight") for message in messages if role(message) == "assistant"]
        texts = [message["content"] for message in messages]
        counted = {0: weights} if any(one is not None for one in weights) else {}
        (prompt,), (answer,) = plain_keys([texts], [SEPARATOR.join(texts)], counted)
        return Key(prompt, answer)
    answer = text_hash(last["content"]) & _LOW or 1
    calls = {name: value for name, value in last.items() if name not in {"role", "content"}}
    return Key(_hash(canonical([data.get("tools"), before, calls])), answer)


def _in_plain_turns(messages: list[dict[str, Any]]) -> bool:
    roles = [message.get("role") for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    return (
        turns == ["user", "assistant"] * (len(turns) // 2)
        and all(isinstance(message.get("content"), str) for message in messages)
        and all(message.keys() <= {"role", "content", "weight"} for message in messages)
    )


def _preference(raw: bytes, data: dict[str, Any]) -> Key:
    row = Row(data)
    found = [canonical(output) for _, output in outputs(row)]
    if len(found) != 2:
        return Key(_hash(raw.strip()))
    prompt = preference_input(row) or data.get("prompt")
    return Key(_hash(canonical(prompt)), *(_hash(one) & _LOW or 1 for one in found))


def _other_shape(raw: bytes, data: dict[str, Any]) -> Key:
    prompt, completion = data.get("prompt"), data.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return Key(text_hash(prompt), text_hash(completion) & _LOW or 1)
    if shape_of(data) == PLAIN_TEXT and isinstance(data["text"], str):
        return Key(text_hash(data["text"]))
    return Key(_hash(raw.strip()))


def canonical(value: Any) -> bytes:
    """A JSON value in one way of writing."""
    try:
        return _ENCODER.encode(value)
    except OverflowError:
        # a whole number beyond 64 bits
        return json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")


def _hash(content: bytes) -> int:
    return xxhash.xxh3_64_intdigest(content) or 1
