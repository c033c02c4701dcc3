"""Every text of a row that is trained on or read by the model: of messages, calls, tools, answers that are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from service.lint.check import Row
from service.lint.shape import CLASSIFICATION, COMPLETION, PLAIN_TEXT, PREFERENCE, pointer, role, shape_of

# thinking is written by the templates of models that reason
_OF_MESSAGE = ("content", "refusal", "thinking", "reasoning_content")
_OF_PART = ("text", "refusal")
_TOOLS = ("tools", "functions")
# key -> who says it where it is a text, and whether training is away from it
_PAIRS = {"prompt": ("user", False), "chosen": ("assistant", False), "rejected": ("assistant", True)}
_OUTPUTS = {"preferred_output": ("assistant", False), "non_preferred_output": ("assistant", True)}
_BESIDE_CHAT = {
    PREFERENCE: _PAIRS | _OUTPUTS,
    COMPLETION: {"prompt": ("user", False), "completion": ("assistant", False)},
    CLASSIFICATION: dict.fromkeys(("text1", "text2", "text"), ("user", False)),
    PLAIN_TEXT: {"text": ("", False)},
}


class Text(NamedTuple):
    """A text at a JSON Pointer: `holder[key]`, so that a fix can write another one.

    `who` is the role, empty where nobody speaks; `rejected` says that it is the worse one of two answers.
    """

    place: str
    who: str
    holder: Any
    key: Any
    rejected: bool = False

    @property
    def text(self) -> str:
        found: str = self.holder[self.key]
        return found


def every_text(row: Row) -> list[Text]:
    """The texts in the order of the row; several checks ask, so they are kept."""
    found: list[Text] | None = row.__dict__.get("every_text")
    if found is None:
        found = row.__dict__["every_text"] = list(_of_row(row.data))
    return found


def _of_row(data: dict[str, Any]) -> Iterator[Text]:
    yield from _of_chat(data, "")
    shape = shape_of(data) or ""
    if shape == PREFERENCE and isinstance(data.get("input"), dict):
        yield from _of_chat(data["input"], "/input")
    for key, (who, rejected) in _BESIDE_CHAT.get(shape, {}).items():
        if isinstance(data.get(key), str):
            yield Text(f"/{key}", who, data, key, rejected)
        yield from _of_messages(data.get(key), f"/{key}", rejected=rejected)


def _of_chat(data: dict[str, Any], above: str) -> Iterator[Text]:
    """Messages, and the tools that stand before them in the template."""
    yield from _of_messages(data.get("messages"), f"{above}/messages")
    for key in _TOOLS:
        yield from _below(data, key, above, "")


def _of_messages(found: Any, above: str, *, rejected: bool = False) -> Iterator[Text]:
    for i, message in enumerate(found if isinstance(found, list) else []):
        if not isinstance(message, dict):
            continue
        place, who = f"{above}/{i}", role(message) or ""
        for one in _of_message(message, place, who):
            yield one._replace(rejected=rejected and who == "assistant")


def _of_message(message: dict[str, Any], place: str, who: str) -> Iterator[Text]:
    for key in _OF_MESSAGE:
        if isinstance(message.get(key), str):
            yield Text(f"{place}/{key}", who, message, key)
    parts = message.get("content")
    for j, part in enumerate(parts if isinstance(parts, list) else []):
        for key in _OF_PART:
            if isinstance(part, dict) and isinstance(part.get(key), str):
                yield Text(f"{place}/content/{j}/{key}", who, part, key)
    calls = message.get("tool_calls")
    for j, call in enumerate(calls if isinstance(calls, list) else []):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield from _below(function, "arguments", f"{place}/tool_calls/{j}/function", who)
    if isinstance(message.get("function_call"), dict):
        yield from _below(message["function_call"], "arguments", f"{place}/function_call", who)


def _below(holder: Any, key: Any, above: str, who: str) -> Iterator[Text]:
    """The texts of any value, in its order; without recursion, because rows may be deep."""
    stack: list[tuple[Any, Any, str]] = [(holder, key, above)] if key in holder else []
    while stack:
        within, at, place = stack.pop()
        value, here = within[at], f"{place}/{at}" if isinstance(within, list) else f"{place}{pointer(at)}"
        if isinstance(value, str):
            yield Text(here, who, within, at)
        elif isinstance(value, dict):
            stack += [(value, one, here) for one in reversed(value)]
        elif isinstance(value, list):
            stack += [(value, one, here) for one in reversed(range(len(value)))]
