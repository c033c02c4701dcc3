"""The chat row's vocabulary and small readers that never raise, whatever a row holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeGuard, TypeVar

from service.lint.check import Row

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
ALIASES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatbot": "assistant"}
TOP_KEYS = ("messages", "tools", "parallel_tool_calls", "functions", "function_call")
MESSAGE_KEYS = (
    "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal",
)  # fmt: skip
# the role whose key it is
OWNERS = {"tool_calls": "assistant", "function_call": "assistant", "refusal": "assistant", "tool_call_id": "tool"}
# which local trainers read beside these
TRAINER_KEYS = ("training", "training_detail", "thinking")
KNOWN_KEYS = frozenset((*TOP_KEYS, *MESSAGE_KEYS, "id", "type", "function", "arguments", "parameters"))
# framing of a message in the chat format of OpenAI's models; text is estimated at four bytes per token
FRAMING_TOKENS = 4
BYTES_PER_TOKEN = 4
TYPES: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}
# the keys beside `content` that a model reads the text of
_ALSO_READ = ("name", "tool_calls", "function_call")
_OUTPUTS = ("preferred_output", "non_preferred_output")
_PAIRS = ("chosen", "rejected")
COMPLETION, CLASSIFICATION, TOKEN_TAGS = "prompt/completion", "classification", "token tags"
PREFERENCE, PLAIN_TEXT = "preference data (dpo)", "plain text"
# shapes that have rules of their own
WITH_RULES = frozenset(("chat", PREFERENCE, COMPLETION, CLASSIFICATION, TOKEN_TAGS, PLAIN_TEXT))
TAG_KEYS = ("tags", "ner_tags")
_Read = TypeVar("_Read")
# any of the keys tells the shape, the first that is found; a preference row may have a prompt, a text may have a label
_SHAPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("preferred_output", "chosen"), PREFERENCE),
    (("tokens", "ner_tags"), TOKEN_TAGS),
    (("text1",), CLASSIFICATION),
    (("prompt", "completion"), COMPLETION),
    (("conversations",), "sharegpt"),
    (("instruction",), "alpaca"),
)
# who says the texts of shapes beside chat; nobody is known to speak in a plain text
_SAID_BY = {
    COMPLETION: {"prompt": "user", "completion": "assistant"},
    CLASSIFICATION: dict.fromkeys(("text1", "text2", "text"), "user"),
    PLAIN_TEXT: {"text": ""},
}


def _once(read: Callable[[Row], Iterator[_Read]]) -> Callable[[Row], list[_Read]]:
    """Keeps with a row what is read of it, because many checks ask."""
    name = read.__name__

    @wraps(read)
    def kept(row: Row) -> list[_Read]:
        found: list[_Read] | None = row.__dict__.get(name)
        if found is None:
            found = row.__dict__[name] = list(read(row))
        return found

    return kept


def shape_of(data: dict[str, Any]) -> str | None:
    """The name of a known shape, or None."""
    if "messages" in data:
        return "chat"
    found = next((name for keys, name in _SHAPES if any(key in data for key in keys)), None)
    if found is None and "text" in data:
        return CLASSIFICATION if "label" in data else PLAIN_TEXT
    return found


def is_array_of_rows(value: Any) -> bool:
    """Whether a line holds rows, but as one array."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def preference_keys(row: Row) -> list[tuple[str, tuple[type, ...]]]:
    """(key, allowed types) of the parts that a preference row has, in the dialect it is written in."""
    if any(key in row.data for key in _PAIRS) or "prompt" in row.data:
        # a prompt that both outputs begin with need not be given apart
        asked = [("prompt", (list, str))] if "prompt" in row.data or "input" in row.data else []
        return [*asked, *((key, (list, str)) for key in _PAIRS)]
    return [("input", (dict,)), *((key, (list,)) for key in _OUTPUTS)]


def implicit_prompt(data: dict[str, Any]) -> int:
    """How many messages `chosen` and `rejected` begin with alike, where these hold the prompt themselves."""
    first, second = (data.get(key) for key in _PAIRS)
    if any(key in data for key in ("prompt", "input")) or not (isinstance(first, list) and isinstance(second, list)):
        return 0
    alike = next((i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    return min(len(first), len(second)) - 1 if alike is None else alike


def preference_input(row: Row) -> list[Any]:
    """The messages of a preference row's input."""
    if shared := implicit_prompt(row.data):
        return list(row.data[_PAIRS[0]][:shared])
    found = row.data.get("input")
    messages = found.get("messages") if isinstance(found, dict) else row.data.get("prompt")
    return messages if isinstance(messages, list) else []


@_once
def outputs(row: Row) -> Iterator[tuple[str, Any]]:
    """(key, output) of the outputs that are there, the preferred one first; an implicit prompt is part of both."""
    keys = _PAIRS if any(key in row.data for key in _PAIRS) else _OUTPUTS
    return ((key, row.data[key]) for key in keys if isinstance(row.data.get(key), list))


def role(message: dict[str, Any]) -> str | None:
    """The role as it was meant (case and spaces aside), or None."""
    found = message.get("role")
    if not isinstance(found, str):
        return None
    return found if found in ROLES else found.strip().lower()


def shown_role(message: dict[str, Any]) -> str:
    """The role for a message: a known name, or "unknown", never free text."""
    found = role(message)
    return found if found in ROLES else "unknown"


def is_blank(content: Any) -> TypeGuard[str | list[Any]]:
    """Whether content says nothing: white space, no part at all, or parts of white space."""
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else 0 for part in content]
        return all(isinstance(text, str) and not text.strip() for text in texts)
    return isinstance(content, str) and not content.strip()


def has_key(found: dict[str, Any], key: str) -> bool:
    """Whether an object has a key, also where it is misspelt: that is a finding of its own."""
    return key in found or any(one.strip().lower() == key for one in found)


def calls(message: dict[str, Any]) -> bool:
    """Whether a tool or function call stands in for content."""
    return bool(message.get("tool_calls") or message.get("function_call"))


@_once
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
    if not isinstance(found, list):
        return []
    ids = [call.get("id") for call in found if isinstance(call, dict)]
    return [one for one in ids if isinstance(one, str)]


def arguments_of(call: dict[str, Any]) -> Any:
    """The arguments of a call, or None."""
    function = call.get("function")
    return function.get("arguments") if isinstance(function, dict) else None


@_once
def texts(row: Row) -> Iterator[tuple[str, str, str]]:
    """(JSON Pointer, role, text) of every text, prompts and completions too."""
    for i, message in row.messages:
        content, who = message.get("content"), role(message) or ""
        if isinstance(content, str):
            yield f"/messages/{i}/content", who, content
    for place, who, part in parts(row):
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield f"{place}/text", who, part["text"]
    if "messages" not in row.data:
        yield from ((f"/{key}", who, text) for key, who, text in _beside_chat(row.data))


def _beside_chat(data: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, who in _SAID_BY.get(shape_of(data) or "", {}).items():
        text = data.get(key)
        if isinstance(text, str):
            yield key, who, text


def message_text(message: dict[str, Any]) -> str:
    """All that a model reads of a message as one text: its texts, its name and its calls."""
    content = message.get("content")
    if isinstance(content, str) and message.keys().isdisjoint(_ALSO_READ):
        return content
    found = [content] if isinstance(content, str) else []
    listed = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    found += [text for text in listed if isinstance(text, str)]
    found += [message["name"]] if isinstance(message.get("name"), str) else []
    written = message.get("tool_calls")
    for call in [*(written if isinstance(written, list) else []), {"function": message.get("function_call")}]:
        function = call.get("function") if isinstance(call, dict) else None
        values = [function.get("name"), function.get("arguments")] if isinstance(function, dict) else []
        found += [value for value in values if isinstance(value, str)]
    return "\n".join(found)


@_once
def parts(row: Row) -> Iterator[tuple[str, str, Any]]:
    """(JSON Pointer, role, part) of every content part."""
    for i, message in row.messages:
        content = message.get("content")
        for j, part in enumerate(content if isinstance(content, list) else []):
            yield f"/messages/{i}/content/{j}", role(message) or "", part


def image_url(part: Any) -> str | None:
    """The URL of an image part, or None."""
    found = part.get("image_url") if isinstance(part, dict) and part.get("type") == "image_url" else None
    url = found.get("url") if isinstance(found, dict) else None
    return url if isinstance(url, str) else None


def has_image(message: dict[str, Any]) -> bool:
    """Whether a part of a message is an image."""
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(p, dict) and p.get("type") == "image_url" for p in content)


def data_uri(part: Any) -> tuple[str, str] | None:
    """(media type, base64 text) of an image that the row itself holds, or None."""
    url = image_url(part)
    if url is None or not url.startswith("data:"):
        return None
    head, _, body = url.removeprefix("data:").partition(";base64,")
    return head.lower(), body


@_once
def declared(row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON Pointer, function) of every declared tool."""
    tools = row.data.get("tools")
    for i, tool in enumerate(tools if isinstance(tools, list) else []):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            yield f"/tools/{i}/function", function


@_once
def called(row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON Pointer, function) of every call."""
    for place, call in tool_calls(row):
        function = call.get("function")
        if isinstance(function, dict):
            yield f"{place}/function", function


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
