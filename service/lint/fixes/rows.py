"""Row fixes: each mends one rule's finding in a decoded row and says where it did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from service.lint.checks.roles.name_invalid import NAME
from service.lint.patterns import INVISIBLE
from service.lint.shape import ALIASES, MESSAGE_KEYS, ROLES, TOP_KEYS, pointer, role

Data = dict[str, Any]
Fixer = Callable[[Data], Iterator[str]]
_TRAINER_KEYS = ("training", "training_detail", "thinking")


def messages_of(data: Data) -> Iterator[tuple[int, Data]]:
    """(index, message) of every message that is an object; the list may be changed while it is read."""
    found = data.get("messages")
    for i, message in enumerate(list(found) if isinstance(found, list) else []):
        if isinstance(message, dict):
            yield i, message


def misspelt_keys(data: Data) -> Iterator[str]:
    """F023: `Messages ` is written `messages`."""
    for key in list(data):
        right = key.strip().lower()
        if key not in TOP_KEYS and right in TOP_KEYS and right not in data:
            data[right] = data.pop(key)
            yield f"/{right}"


def unknown_top_keys(data: Data) -> Iterator[str]:
    """F022: keys that no service reads are dropped."""
    for key in list(data):
        if "messages" in data and key not in TOP_KEYS and key.strip().lower() not in TOP_KEYS:
            del data[key]
            yield pointer(key)


def role_aliases(data: Data) -> Iterator[str]:
    """R005: human, gpt, bot and model are written as the roles they stand for."""
    for i, message in messages_of(data):
        found = message.get("role")
        if isinstance(found, str) and found.strip().lower() in ALIASES:
            message["role"] = ALIASES[found.strip().lower()]
            yield f"/messages/{i}/role"


def role_spelling(data: Data) -> Iterator[str]:
    """R006: roles in small letters without spaces."""
    for i, message in messages_of(data):
        found = message.get("role")
        if isinstance(found, str) and found not in ROLES and found.strip().lower() in ROLES:
            message["role"] = found.strip().lower()
            yield f"/messages/{i}/role"


def legacy_functions(data: Data) -> Iterator[str]:
    """R009: functions, function calls and their results are written as tools."""
    functions = data.get("functions")
    if isinstance(functions, list) and "tools" not in data:
        data["tools"] = [{"type": "function", "function": one} for one in data.pop("functions")]
        data.pop("function_call", None)
        yield "/functions"
    last = None
    for i, message in messages_of(data):
        call = message.get("function_call")
        if isinstance(call, dict) and "tool_calls" not in message:
            last = f"call_{i}"
            message["tool_calls"] = [{"id": last, "type": "function", "function": message.pop("function_call")}]
            yield f"/messages/{i}/function_call"
        elif role(message) == "function" and last is not None:
            message["role"], message["tool_call_id"] = "tool", last
            message.pop("name", None)
            last = None
            yield f"/messages/{i}/role"


def unknown_message_keys(data: Data) -> Iterator[str]:
    """R025: keys that no service reads are dropped."""
    for i, message in messages_of(data):
        for key in [one for one in message if one not in MESSAGE_KEYS and one not in _TRAINER_KEYS]:
            del message[key]
            yield f"/messages/{i}{pointer(key)}"


def trainer_keys(data: Data) -> Iterator[str]:
    """R035: keys of local trainers are dropped."""
    for i, message in messages_of(data):
        for key in [one for one in _TRAINER_KEYS if one in message]:
            del message[key]
            yield f"/messages/{i}/{key}"


def invalid_names(data: Data) -> Iterator[str]:
    """R026: names that the service refuses are dropped."""
    for i, message in messages_of(data):
        name = message.get("name")
        if "name" in message and not (isinstance(name, str) and NAME.fullmatch(name)):
            del message["name"]
            yield f"/messages/{i}/name"


def weight_spelling(data: Data) -> Iterator[str]:
    """R030: true, 1.0 and "1" are written 1, the same for 0."""
    for i, message in messages_of(data):
        weight = message.get("weight")
        right = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "true": 1, "false": 0}.get(str(weight).strip().lower())
        if "weight" in message and right is not None and (type(weight) is not int):
            message["weight"] = right
            yield f"/messages/{i}/weight"


def weight_on_prompts(data: Data) -> Iterator[str]:
    """R031: weights of other messages than the assistant's are dropped."""
    for i, message in messages_of(data):
        if "weight" in message and role(message) != "assistant":
            del message["weight"]
            yield f"/messages/{i}/weight"


def empty_calls(data: Data) -> Iterator[str]:
    """T010: an empty list of calls is dropped."""
    for i, message in messages_of(data):
        if message.get("tool_calls") == []:
            del message["tool_calls"]
            yield f"/messages/{i}/tool_calls"


def _functions(data: Data) -> Iterator[tuple[str, Data]]:
    for i, message in messages_of(data):
        found = message.get("tool_calls")
        for j, call in enumerate(found if isinstance(found, list) else []):
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                yield f"/messages/{i}/tool_calls/{j}/function/arguments", function


def arguments_as_text(data: Data) -> Iterator[str]:
    """T012: argument objects are written as JSON strings."""
    for place, function in _functions(data):
        if isinstance(function.get("arguments"), dict | list):
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
            yield place


def arguments_as_object(data: Data) -> Iterator[str]:
    """T013: argument strings that hold an object are written as the object."""
    for place, function in _functions(data):
        text = function.get("arguments")
        try:
            found = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            function["arguments"] = found
            yield place


def _parts(data: Data) -> Iterator[tuple[str, Data]]:
    for i, message in messages_of(data):
        content = message.get("content")
        for j, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, dict):
                yield f"/messages/{i}/content/{j}", part


def image_urls(data: Data) -> Iterator[str]:
    """M002: a bare URL is wrapped."""
    for place, part in _parts(data):
        if part.get("type") == "image_url" and isinstance(part.get("image_url"), str):
            part["image_url"] = {"url": part["image_url"]}
            yield f"{place}/image_url"


def image_details(data: Data) -> Iterator[str]:
    """M010: a detail that does not exist is dropped."""
    for place, part in _parts(data):
        found = part.get("image_url")
        if isinstance(found, dict) and found.get("detail", "auto") not in {"low", "high", "auto"}:
            del found["detail"]
            yield f"{place}/image_url/detail"


def invisible(data: Data) -> Iterator[str]:
    """S021: invisible characters are removed."""
    for i, message in messages_of(data):
        content = message.get("content")
        if isinstance(content, str) and INVISIBLE.search(content):
            message["content"] = INVISIBLE.sub("", content)
            yield f"/messages/{i}/content"
    for place, part in _parts(data):
        if isinstance(part.get("text"), str) and INVISIBLE.search(part["text"]):
            part["text"] = INVISIBLE.sub("", part["text"])
            yield f"{place}/text"


# in an order in which a later fix sees what an earlier one mended
SAFE: dict[str, Fixer] = {
    "F023": misspelt_keys,
    "R006": role_spelling,
    "R005": role_aliases,
    "R009": legacy_functions,
    "R035": trainer_keys,
    "F022": unknown_top_keys,
    "R025": unknown_message_keys,
    "R026": invalid_names,
    "R030": weight_spelling,
    "R031": weight_on_prompts,
    "T010": empty_calls,
    "T012": arguments_as_text,
    "T013": arguments_as_object,
    "M002": image_urls,
    "M010": image_details,
    "S021": invisible,
}
