"""What every dialect is read into: a conversation or a preference, or the reason why a row is neither."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec

from service.convert.tools import Calls
from service.convert.unconvertible import Unconvertible, parsed

ROLES = {
    "system": "system", "developer": "developer",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatbot": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "ai": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool", "tool_response": "tool",
    "function_call": "call", "tool_call": "call",
}  # fmt: skip
_SYSTEM = ("system", "developer")
_MESSAGE_KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"}


class Conversation(msgspec.Struct, frozen=True):
    """Messages of the chat dialect, with what a row may say beside them (`tools`, `parallel_tool_calls`)."""

    messages: list[dict[str, Any]]
    beside: dict[str, Any] = {}


class Preference(msgspec.Struct, frozen=True):
    """A prompt with the better and the worse continuation."""

    prompt: list[dict[str, Any]]
    chosen: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    beside: dict[str, Any] = {}


class Reading:
    """One row on its way: call ids are shared by its parts, `left_out` counts keys that have no place."""

    def __init__(self, calls: Calls | None = None, left_out: Counter[str] | None = None) -> None:
        self.calls = Calls() if calls is None else calls
        self.left_out: Counter[str] = Counter() if left_out is None else left_out

    def branch(self) -> Reading:
        """For one of two continuations of what was read so far."""
        return Reading(self.calls.branch(), self.left_out)

    def messages(self, found: Any, place: str) -> list[dict[str, Any]]:
        """A list of messages in the chat or the from/value dialect, as chat messages."""
        if isinstance(found, str):
            found = parsed(found, "the messages are a string that is no JSON", place)
        if not isinstance(found, list):
            raise Unconvertible("the messages are not a list", place)
        return [self._message(one, f"{place}/{i}") for i, one in enumerate(found)]

    def said(self, role: str, text: Any, place: str) -> dict[str, Any]:
        """One message of a dialect whose texts stand in keys of their own."""
        if not isinstance(text, str):
            raise Unconvertible("not a text", place)
        if not text.strip():
            raise Unconvertible(f"the {'answer' if role == 'assistant' else 'prompt'} is empty", place)
        return {"role": role, "content": text}

    def _message(self, found: Any, place: str) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise Unconvertible("a message is not an object", place)
        message = {key: value for key, value in found.items() if value is not None}
        if "from" in message and "role" not in message:
            message["role"] = message.pop("from")
            message["content"] = message.pop("value", message.get("content"))
        named = message.pop("role", None)
        role = ROLES.get(named.strip().lower()) if isinstance(named, str) else None
        if role is None:
            raise Unconvertible("the role is missing or unknown", f"{place}/role")
        self.left_out.update(f"messages/*/{key}" for key in message if key not in _MESSAGE_KEYS)
        if role == "call":
            return {"role": "assistant", "tool_calls": self.calls.from_text(message.get("content"), place)}
        return self._of_role(role, message, place)

    def _of_role(self, role: str, message: dict[str, Any], place: str) -> dict[str, Any]:
        made: dict[str, Any] = {"role": role}
        calls = self.calls.made(message, place) if role == "assistant" else []
        content = message.get("content")
        if role == "tool":
            made["tool_call_id"] = self.calls.answered(message, place)
            content = content if isinstance(content, str | list) else json.dumps(content, ensure_ascii=False)
        if content is not None and not (calls and content == ""):
            made["content"] = _content(content, role, place)
        elif not calls:
            raise Unconvertible("the content is missing", f"{place}/content")
        if calls:
            made["tool_calls"] = calls
        if "weight" in message:
            self._weight(made, message["weight"], place)
        if isinstance(message.get("name"), str) and role != "tool":
            made["name"] = message["name"]
        if isinstance(message.get("refusal"), str) and role == "assistant":
            made["refusal"] = message["refusal"]
        return made

    def _weight(self, made: dict[str, Any], weight: Any, place: str) -> None:
        if made["role"] != "assistant":
            self.left_out["messages/*/weight"] += 1
        elif weight in (0, 1):
            made["weight"] = int(weight)
        else:
            raise Unconvertible("a weight is neither 0 nor 1", f"{place}/weight")


def conversation(messages: list[dict[str, Any]], beside: dict[str, Any], place: str) -> Conversation:
    """The conversation, if a trainer can learn an answer from it."""
    roles = [message["role"] for message in messages]
    if not roles:
        raise Unconvertible("there are no messages", place)
    if "user" not in roles:
        raise Unconvertible("no user message", place)
    if roles[-1] != "assistant":
        raise Unconvertible("the conversation does not end with the assistant", place)
    return Conversation(messages, beside)


def preference(
    prompt: list[dict[str, Any]],
    chosen: list[dict[str, Any]],
    rejected: list[dict[str, Any]],
    beside: dict[str, Any],
) -> Preference:
    """The preference, if it has a question and two answers to it."""
    if all(message["role"] != "user" for message in prompt):
        raise Unconvertible("no user message", "/prompt")
    if prompt[-1]["role"] == "assistant":
        raise Unconvertible("the prompt ends with the assistant", "/prompt")
    for name, output in (("preferred", chosen), ("other", rejected)):
        if all(message["role"] != "assistant" for message in output):
            raise Unconvertible(f"the {name} output has no answer")
        if any(message["role"] not in {"assistant", "tool"} for message in output):
            raise Unconvertible(f"the {name} output has a message of another role than assistant and tool")
    return Preference(prompt, chosen, rejected, beside)


def with_system(messages: list[dict[str, Any]], text: str | None) -> list[dict[str, Any]]:
    """The messages with a system message first, unless there is one or none is wanted."""
    if not text or any(message["role"] in _SYSTEM for message in messages):
        return messages
    return [{"role": "system", "content": text}, *messages]


def _content(content: Any, role: str, place: str) -> Any:
    if isinstance(content, list):
        if not content or any(not isinstance(part, dict) or "type" not in part for part in content):
            raise Unconvertible("the content is a list of something else than parts", f"{place}/content")
        return [{key: value for key, value in part.items() if value is not None} for part in content]
    if not isinstance(content, str):
        raise Unconvertible("the content is not a text", f"{place}/content")
    if role == "assistant" and not content.strip():
        raise Unconvertible("the answer is empty", f"{place}/content")
    return content
