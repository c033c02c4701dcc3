"""Tool calls in an answer: found in the form in which the chat template itself writes them, or in a well-known one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

import msgspec

from trainers.answers import CalledTool
from trainers.chat_template import form_of, rendered

_NAME, _KEY = "find_the_room", "place"
_CALL_ID = "callabcde"
# Hermes and Qwen write tags around an object, Mistral a mark before a list, Llama 3.1 a mark or nothing
_OPEN, _CLOSE, _LISTED, _PYTHON, _FENCE = "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "```"
_MARKS = (_OPEN, _LISTED, _PYTHON)
_FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
_TAGGED = re.compile(rf"{_OPEN}\s*(.*?)\s*{_CLOSE}\s*", re.DOTALL)
_WORD = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


class Written(msgspec.Struct, frozen=True):
    """A call as the template writes it: head, name, middle, arguments as JSON, tail."""

    head: str
    middle: str
    tail: str


class CallReader:
    """Reads calls of the declared tools."""

    def __init__(self, tokenizer: Any, tools: list[dict[str, Any]]) -> None:
        self._names = {tool.get("function", tool).get("name") for tool in tools}
        self._own = _own_form(tokenizer)

    @property
    def marks(self) -> list[str]:
        """Texts at which a call may begin."""
        return [*([self._own.head] if self._own else []), *_MARKS]

    @property
    def special(self) -> str:
        """Everything in which a special token is part of a call."""
        return " ".join([*_MARKS, _CLOSE, *(msgspec.structs.astuple(self._own) if self._own else ())])

    def may_begin_bare(self, text: str) -> bool:
        """Whether an answer that begins like this may be a call without a mark."""
        start = text.lstrip()
        return start[:1] in {"{", "["} or start.startswith(_FENCE) or (bool(start) and _FENCE.startswith(start))

    def read(self, text: str) -> list[CalledTool]:
        """All calls of a text that consists of nothing else, or none."""
        return self._in_own_form(text) or self._of_objects(_objects(text.strip()))

    def _in_own_form(self, text: str) -> list[CalledTool]:
        calls, rest = [], text.strip()
        while self._own and rest.startswith(self._own.head):
            name = _WORD.match(rest, len(self._own.head))
            if name is None or not rest.startswith(self._own.middle, name.end()):
                return []
            try:
                arguments, end = json.JSONDecoder().raw_decode(rest, name.end() + len(self._own.middle))
            except (ValueError, RecursionError):
                return []
            if name[0] not in self._names or not isinstance(arguments, dict):
                return []
            calls.append(CalledTool(name[0], arguments))
            rest = rest[end:].removeprefix(self._own.tail).strip()
        return [] if rest else calls

    def _of_objects(self, found: list[Any]) -> list[CalledTool]:
        calls = [self._call(one) for one in found]
        return [call for call in calls if call is not None] if all(calls) else []

    def _call(self, found: Any) -> CalledTool | None:
        if not isinstance(found, dict) or found.get("name") not in self._names:
            return None
        arguments = found.get("arguments", found.get("parameters"))
        if isinstance(arguments, str):
            arguments = _parsed(arguments)
        return CalledTool(found["name"], arguments) if isinstance(arguments, dict) else None


def _objects(text: str) -> list[Any]:
    """The JSON values of a text in one of the well-known forms; none where anything else stands between them."""
    for pattern in (_TAGGED, _FENCED):
        if pattern.match(text):
            return [] if pattern.sub("", text).strip() else [_parsed(one[1]) for one in pattern.finditer(text)]
    found = _parsed(text.removeprefix(_LISTED).removeprefix(_PYTHON))
    return found if isinstance(found, list) else [found]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _own_form(tokenizer: Any) -> Written | None:
    """Taken from a rendered call; None where the template writes none, or nothing that a call could be told by."""
    form = form_of(tokenizer, with_tools=True)
    if form.arguments is None:
        return None
    given: Any = {_KEY: 1} if form.arguments == "object" else json.dumps({_KEY: 1})
    call = {"id": _CALL_ID, "type": "function", "function": {"name": _NAME, "arguments": given}}
    asked: dict[str, Any] = {"role": "user", "content": "Where?"}
    if form.content == "parts":
        asked["content"] = [{"type": "text", "text": "Where?"}]
    turn = {"role": "assistant", "tool_calls": [call]} | ({"content": ""} if form.beside_calls == "empty" else {})
    try:
        prompt = rendered(tokenizer, [asked], None, prompt=True)
        whole = rendered(tokenizer, [asked, turn], None, prompt=False)
    except ValueError:
        return None
    return _taken_apart(whole.removeprefix(prompt), _ends(tokenizer)) if whole.startswith(prompt) else None


def _taken_apart(text: str, ends: Collection[str]) -> Written | None:
    text = text.rstrip()
    for end in ends:
        text = text.removesuffix(end).rstrip()
    head, found, after = text.partition(_NAME)
    start = after.find("{")
    if not found or not head.strip() or start < 0 or "{" in head:
        return None  # an object with the name in it: a well-known form
    try:
        arguments, stop = json.JSONDecoder().raw_decode(after, start)
    except ValueError:
        return None
    return Written(head.lstrip(), after[:start], after[stop:].strip()) if arguments == {_KEY: 1} else None


def _ends(tokenizer: Any) -> list[str]:
    """Special tokens, of which one ends the turn."""
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
