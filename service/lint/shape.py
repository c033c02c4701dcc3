"""The chat row's vocabulary and small readers that never raise, whatever a row holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from service.lint.check import Row

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
ALIASES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatbot": "assistant"}
TOP_KEYS = ("messages", "tools", "parallel_tool_calls", "functions", "function_call")
MESSAGE_KEYS = (
    "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal",
)  # fmt: skip
KNOWN_KEYS = frozenset((*TOP_KEYS, *MESSAGE_KEYS, "id", "type", "function", "arguments", "parameters"))
# turn markers and sentence tokens of the common chat templates
SPECIAL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|end|user|assistant|system|tool|eot_id|start_header_id|end_header_id"
    r"|begin_of_text|end_of_text|endofprompt)\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
)
_SHAPES = {
    "prompt": "prompt/completion",
    "conversations": "sharegpt",
    "instruction": "alpaca",
    "preferred_output": "preference data (dpo)",
    "chosen": "preference data (dpo)",
    "text": "plain text",
}


def shape_of(data: dict[str, Any]) -> str | None:
    """The name of a known shape, or None."""
    if "messages" in data:
        return "chat"
    return next((name for key, name in _SHAPES.items() if key in data), None)


def role(message: dict[str, Any]) -> str | None:
    """The role as it was meant (case and spaces aside), or None."""
    found = message.get("role")
    return found.strip().lower() if isinstance(found, str) else None


def shown_role(message: dict[str, Any]) -> str:
    """The role for a message: a known name, or "unknown", never free text."""
    found = role(message)
    return found if found in ROLES else "unknown"


def calls(message: dict[str, Any]) -> bool:
    """Whether a tool or function call stands in for content."""
    return bool(message.get("tool_calls") or message.get("function_call"))


def tool_calls(row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON Pointer, call) of every tool call that is an object."""
    for i, message in row.messages:
        found = message.get("tool_calls")
        for j, call in enumerate(found if isinstance(found, list) else []):
            if isinstance(call, dict):
                yield f"/messages/{i}/tool_calls/{j}", call


def call_ids(message: dict[str, Any]) -> list[str]:
    """The ids of a message's calls."""
    found = message.get("tool_calls")
    ids = [call.get("id") for call in (found if isinstance(found, list) else []) if isinstance(call, dict)]
    return [one for one in ids if isinstance(one, str)]


def arguments_of(call: dict[str, Any]) -> Any:
    """The arguments of a call, or None."""
    function = call.get("function")
    return function.get("arguments") if isinstance(function, dict) else None


def declared_names(row: Row) -> set[str]:
    """The names of the declared tools."""
    tools = row.data.get("tools")
    functions = [tool.get("function") for tool in (tools if isinstance(tools, list) else []) if isinstance(tool, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return {name for name in names if isinstance(name, str)}


def is_json(text: str) -> bool:
    """Whether a string parses."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def pointer(key: str) -> str:
    """A JSON Pointer step for a key; a key that is no plain identifier may be text and is not repeated."""
    if not re.fullmatch(r"[A-Za-z_]{1,24}", key):
        return "/?"
    return f"/{key}"
