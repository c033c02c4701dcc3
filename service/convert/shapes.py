"""Conversations and preferences, written in the dialect that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.convert.conversation import Conversation, Preference
from service.convert.dialects import Read
from service.convert.unconvertible import Unconvertible

_SHAREGPT = {"user": "human", "assistant": "gpt", "system": "system"}


def _chat(read: Read) -> dict[str, Any]:
    return {"messages": _conversation(read).messages, **read.beside}


def _dpo(read: Read) -> dict[str, Any]:
    found = _preference(read)
    return {
        "input": {"messages": found.prompt, **found.beside},
        "preferred_output": found.chosen,
        "non_preferred_output": found.rejected,
    }


def _dpo_trl(read: Read) -> dict[str, Any]:
    found = _preference(read)
    return {"prompt": found.prompt, "chosen": found.chosen, "rejected": found.rejected, **found.beside}


def _sharegpt(read: Read) -> dict[str, Any]:
    """The from/value dialect: calls and results have no ids there, so results must follow the order of the calls."""
    found = _conversation(read)
    row: dict[str, Any] = {}
    messages = found.messages
    if messages[0]["role"] == "system":
        row["system"] = _text(messages[0])
        messages = messages[1:]
    waiting: list[str] = []
    row["conversations"] = [turn for message in messages for turn in _turns(message, waiting)]
    if "tools" in found.beside:
        row["tools"] = msgspec.json.encode(found.beside["tools"]).decode()
    return row


def _turns(message: dict[str, Any], waiting: list[str]) -> list[dict[str, str]]:
    if lost := sorted(message.keys() & {"weight", "name", "refusal"}):
        raise Unconvertible(f"a message has {' and '.join(lost)}, which has no place in this shape")
    if message["role"] == "tool":
        if not waiting or waiting.pop(0) != message["tool_call_id"]:
            raise Unconvertible("tool results are not in the order of their calls, and this shape has no call ids")
        return [{"from": "observation", "value": _text(message)}]
    calls = message.get("tool_calls", [])
    turns = []
    if "content" in message:
        if calls:
            raise Unconvertible("a text beside a tool call has no place in this shape")
        who = _SHAREGPT.get(message["role"])
        if who is None:
            raise Unconvertible("a developer message has no place in this shape")
        turns.append({"from": who, "value": _text(message)})
    if calls:
        waiting += [call["id"] for call in calls]
        named = [call["function"] for call in calls]
        made = [{"name": one["name"], "arguments": msgspec.json.decode(one["arguments"])} for one in named]
        value = made[0] if len(made) == 1 else made
        turns.append({"from": "function_call", "value": msgspec.json.encode(value).decode()})
    return turns


def _text(message: dict[str, Any]) -> str:
    if not isinstance(message.get("content"), str):
        raise Unconvertible("content in parts has no place in this shape")
    return str(message["content"])


def _conversation(read: Read) -> Conversation:
    if isinstance(read, Preference):
        raise Unconvertible("a preference, not a conversation: convert it with --to dpo")
    return read


def _preference(read: Read) -> Preference:
    if isinstance(read, Conversation):
        raise Unconvertible("a conversation without a rejected answer: convert it with --to chat")
    return read


SHAPES: dict[str, Callable[[Read], dict[str, Any]]] = {
    "chat": _chat, "sharegpt": _sharegpt, "dpo": _dpo, "dpo-trl": _dpo_trl,
}  # fmt: skip
PREFERENCES = ("dpo", "dpo-trl")
