"""Tools, calls and results in today's shape: legacy functions, calls as text and arguments as objects included."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from service.convert.unconvertible import Unconvertible, parsed


class Calls:
    """The calls of one conversation, so that results find theirs."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._waiting: list[tuple[str, str]] = []

    def branch(self) -> Calls:
        """The same calls so far, for one of two continuations."""
        return copy.deepcopy(self)

    def made(self, message: dict[str, Any], place: str) -> list[dict[str, Any]]:
        """The calls of an assistant message, those of the legacy `function_call` included."""
        found = message.get("tool_calls")
        if isinstance(found, str):
            found = parsed(found, "the tool calls are a string that is no JSON", f"{place}/tool_calls")
        if found is not None and not isinstance(found, list):
            raise Unconvertible("the tool calls are not a list", f"{place}/tool_calls")
        calls = [self._call(one, f"{place}/tool_calls/{i}") for i, one in enumerate(found or [])]
        if message.get("function_call") is not None:
            calls.append(self._call(message["function_call"], f"{place}/function_call"))
        return calls

    def from_text(self, value: Any, place: str) -> list[dict[str, Any]]:
        """The calls of a from/value message: JSON with `name` and `arguments`, one object or a list of them."""
        found = parsed(value, "the tool call is a string that is no JSON", place) if isinstance(value, str) else value
        calls = found if isinstance(found, list) else [found]
        if not calls:
            raise Unconvertible("the tool call is empty", place)
        return [self._call(one, place) for one in calls]

    def answered(self, message: dict[str, Any], place: str) -> str:
        """The id of the call that a result answers: the one it names, else the first unanswered (of its name)."""
        given, name = message.get("tool_call_id"), message.get("name")
        if given is not None:
            if not isinstance(given, str) or given not in self._known:
                raise Unconvertible("a tool result answers no earlier call", f"{place}/tool_call_id")
            self._waiting = [one for one in self._waiting if one[0] != given]
            return given
        fitting = [one for one in self._waiting if name is None or one[1] == name] or self._waiting
        if not fitting:
            raise Unconvertible("a tool result answers no earlier call", place)
        self._waiting.remove(fitting[0])
        return fitting[0][0]

    def _call(self, found: Any, place: str) -> dict[str, Any]:
        function = found.get("function", found) if isinstance(found, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Unconvertible("a call has no function name", place)
        arguments = function.get("arguments", function.get("parameters"))
        if isinstance(arguments, str):
            parsed(arguments, "the arguments of a call are no JSON", place)
        else:
            arguments = msgspec.json.encode({} if arguments is None else arguments).decode()
        given = found.get("id")
        identifier = given if isinstance(given, str) and given else self._fresh()
        self._known.add(identifier)
        self._waiting.append((identifier, function["name"]))
        return {
            "id": identifier,
            "type": "function",
            "function": {"name": function["name"], "arguments": arguments},
        }

    def _fresh(self) -> str:
        """Nine letters and digits: the form that every target takes."""
        number = len(self._known) + 1
        while f"call{number:05}" in self._known:
            number += 1
        return f"call{number:05}"


def tools_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The declared tools of a row, from `tools` (a list or its JSON text) or the legacy `functions`."""
    key = "tools" if row.get("tools") is not None else "functions"
    found = row.get(key)
    if isinstance(found, str):
        found = parsed(found, "the tools are a string that is no JSON", f"/{key}") if found.strip() else None
    if found is not None and not isinstance(found, list):
        raise Unconvertible("the tools are not a list", f"/{key}")
    return [_tool(one, f"/{key}/{i}") for i, one in enumerate(found or [])]


def _tool(found: Any, place: str) -> dict[str, Any]:
    if isinstance(found, dict) and isinstance(found.get("function"), dict):
        return {"type": "function", "function": found["function"]}
    if isinstance(found, dict) and isinstance(found.get("name"), str):
        return {"type": "function", "function": {key: value for key, value in found.items() if key != "type"}}
    raise Unconvertible("a tool is neither {type, function} nor a function with a name", place)
