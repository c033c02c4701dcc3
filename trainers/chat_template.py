"""How a chat template wants its messages: found by rendering short conversations with it, then applied to every row."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

Message = dict[str, Any]

_ARGUMENTS = {"place": "map room", "floor": 2}
_CALL_ID = "callabcde"  # Mistral's templates take nothing but nine letters or digits
_WORDS = "Second floor, past the desks"
_SWITCH = "enable_thinking"


class Form(msgspec.Struct, frozen=True):
    """What a template renders properly.

    `arguments`: tool arguments as JSON text or as an object, None where calls are left out. `content`: a message's
    content as text or as a list of parts. `beside_calls`: the content of a turn that only calls tools, as an empty
    text or no key at all. `left_out`: what the template does not show.
    """

    arguments: Literal["text", "object"] | None
    content: Literal["text", "parts"]
    beside_calls: Literal["empty", "missing"]
    knows_developer: bool
    knows_function: bool
    left_out: tuple[str, ...]

    @property
    def stated(self) -> str:
        """One line for the log."""
        calls = f"tool arguments as {self.arguments}" if self.arguments else "no tool calls"
        roles = "" if self.knows_developer else ", developer as system"
        return f"messages are given to the chat template with content as {self.content}, {calls}{roles}"


class UnfitMessage(ValueError):  # noqa: N818 - it names a property of the message
    """A message that the template cannot be given; the text says why and holds nothing of the message."""


class RefusedByTemplate(ValueError):  # noqa: N818 - it names what the template did
    """The template raised; its words are given only where they stand in the template itself, not in the row."""

    def __init__(self, error: Exception, template: str) -> None:
        words = str(error)
        said = f" ({words})" if type(error).__name__ == "TemplateError" and words and words in template else ""
        super().__init__(f"refused by the chat template{said}")


def form_of(tokenizer: Any, *, with_tools: bool) -> Form:
    """The form of the tokenizer's template (of its `tool_use` one where it has one and tools are given)."""
    return _form(_Probe(tokenizer, with_tools=with_tools))


def shaped(messages: Sequence[Message], form: Form) -> list[Message]:
    """Messages as the template wants them: the same words in the fields, types and roles that it renders.

    Raises:
        UnfitMessage: content other than text, arguments that are no JSON object, calls that the template leaves out.
    """
    return [_shaped(message, form) for message in messages]


def rendered(tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None, *, prompt: bool) -> str:
    """The template's text of messages in its own form.

    Raises:
        RefusedByTemplate: whatever the template raised.
    """
    try:
        return str(
            tokenizer.apply_chat_template(messages, tools=tools or None, tokenize=False, add_generation_prompt=prompt)
        )
    except Exception as error:  # a template's own code may raise anything
        raise RefusedByTemplate(error, template_text(tokenizer, with_tools=bool(tools))) from error


def template_text(tokenizer: Any, *, with_tools: bool = False) -> str:
    """The template that a row with or without tools is rendered by."""
    return str(tokenizer.get_chat_template(tools=[{}] if with_tools else None))


def switch_thinking_off(tokenizer: Any) -> bool:
    """Set the template's own `enable_thinking` to false, in the template itself; False where it has no such switch.

    The template travels with the model, so every prompt is then rendered as the rows were.
    """
    text = tokenizer.chat_template
    if not isinstance(text, str) or _SWITCH not in text or text.startswith(f"{{%- set {_SWITCH}"):
        return False
    tokenizer.chat_template = f"{{%- set {_SWITCH} = false -%}}\n{text}"
    return True


class _Probe:
    """A template that can be asked; equal where template and special tokens are, so that answers are kept."""

    def __init__(self, tokenizer: Any, *, with_tools: bool) -> None:
        self._tokenizer = tokenizer
        self.text = template_text(tokenizer, with_tools=with_tools)
        self._key = (self.text, str(sorted(tokenizer.special_tokens_map.items())))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Probe) and self._key == other._key

    def ask(self, *messages: Message, tools: list[Any] | None = None) -> str:
        """The rendering, empty where it is refused."""
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    list(messages), tools=tools, chat_template=self.text, tokenize=False, add_generation_prompt=False
                )
            )
        except Exception:  # noqa: BLE001 - a template's own code may raise anything
            return ""

    def names(self, role: str) -> bool:
        """Whether the template compares something with the role's name."""
        return re.search(rf"(==|\bin\b)\s*[\[(]?[^%}}]*?['\"]{role}['\"]", self.text) is not None


@lru_cache(maxsize=32)
def _form(probe: _Probe) -> Form:
    user, answer = _turn("user", "Where is the map room?"), _turn("assistant", _WORDS)
    parts = [{"type": "text", "text": _WORDS}]
    as_text = _WORDS in probe.ask(user, answer)
    as_parts = not as_text and _WORDS in probe.ask(_in_parts(user), _turn("assistant", parts))
    if as_parts:
        user = _in_parts(user)
    beside, arguments = _calls(probe, user)
    left_out = [
        what
        for what, shown in (
            ("system messages", _WORDS in probe.ask(_said(_turn("system", _WORDS), as_parts), user)),
            ("tool results", _shows_results(probe, user, beside, arguments, as_parts=as_parts)),
            ("tools", _shows_tools(probe, user)),
        )
        if not shown
    ]
    return Form(
        arguments=arguments,
        content="parts" if as_parts else "text",
        beside_calls=beside,
        knows_developer=probe.names("developer"),
        knows_function=probe.names("function") and not probe.names("tool"),
        left_out=tuple(left_out),
    )


def _calls(probe: _Probe, user: Message) -> tuple[Literal["empty", "missing"], Literal["text", "object"] | None]:
    """The first combination that shows a call as it is meant: JSON text untouched, or an object written as JSON."""
    written = json.dumps(_ARGUMENTS)
    for beside in _BESIDE:
        if written in probe.ask(user, _calling(written, beside)):
            return beside, "text"
    for beside in _BESIDE:
        text = probe.ask(user, _calling(_ARGUMENTS, beside))
        if _writes_object(text):
            return beside, "object"
    return "empty", None


_BESIDE: tuple[Literal["empty", "missing"], ...] = ("missing", "empty")


def _writes_object(text: str) -> bool:
    """Whether the arguments stand there as JSON, or name by name in another notation than Python's own."""
    if str(_ARGUMENTS) in text:
        return False
    return all(name in text and str(value) in text for name, value in _ARGUMENTS.items())


def _shows_results(
    probe: _Probe, user: Message, beside: Any, arguments: Literal["text", "object"] | None, *, as_parts: bool
) -> bool:
    if arguments is None:
        return False
    call = _calling(json.dumps(_ARGUMENTS) if arguments == "text" else _ARGUMENTS, beside)
    result = _said(_turn("tool", _WORDS), as_parts) | {"tool_call_id": _CALL_ID, "name": "find_room"}
    return _WORDS in probe.ask(user, call, result)


def _shows_tools(probe: _Probe, user: Message) -> bool:
    tool = {"name": "find_room", "description": "Finds a room.", "parameters": {"type": "object", "properties": {}}}
    return "find_room" in probe.ask(user, tools=[{"type": "function", "function": tool}])


def _calling(arguments: Any, beside: str) -> Message:
    call = {"id": _CALL_ID, "type": "function", "function": {"name": "find_room", "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call]} | ({"content": ""} if beside == "empty" else {})


def _turn(role: str, content: Any) -> Message:
    return {"role": role, "content": content}


def _said(message: Message, as_parts: bool) -> Message:  # noqa: FBT001 - one switch of a private function
    return _in_parts(message) if as_parts else message


def _in_parts(message: Message) -> Message:
    return message | {"content": [{"type": "text", "text": message["content"]}]}


def _shaped(message: Message, form: Form) -> Message:
    # null means absent, as in the services' own format; a template would print "None" or take it for a call
    made = {key: value for key, value in message.items() if key != "weight" and value is not None}
    if not isinstance(made.get("role"), str):
        raise UnfitMessage("with a message that has no role")
    made["role"] = _role(made["role"], form)
    if "function_call" in made:  # the older way to write one call
        made["tool_calls"] = [{"type": "function", "function": made.pop("function_call")}]
    calls = made.pop("tool_calls", None)
    if calls:
        made["tool_calls"] = _given_calls(calls, form)
    content = _content(made.pop("content", ""), form)
    if content or not calls or form.beside_calls == "empty":
        made["content"] = content
    return made


def _role(role: str, form: Form) -> str:
    if role == "developer" and not form.knows_developer:
        return "system"  # the newer name of the same role
    if role == "function" and not form.knows_function:
        return "tool"
    return role


def _content(content: Any, form: Form) -> Any:
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    said = "".join(text for text in texts if isinstance(text, str))
    if not all(isinstance(text, str) for text in texts):
        raise UnfitMessage("with content other than text")
    return [{"type": "text", "text": said}] if form.content == "parts" and said else said


def _given_calls(calls: Any, form: Form) -> list[Message]:
    if form.arguments is None:
        raise UnfitMessage("with tool calls, which the chat template leaves out")
    try:
        return [call | {"function": call["function"] | {"arguments": _arguments(call, form)}} for call in calls]
    except (AttributeError, KeyError, TypeError) as error:
        raise UnfitMessage("with malformed tool calls") from error


def _arguments(call: Message, form: Form) -> Any:
    arguments = call["function"].get("arguments", {})
    if form.arguments == "text":
        return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except ValueError:
            arguments = None
    if not isinstance(arguments, dict):
        raise UnfitMessage("with tool arguments that are no JSON object")
    return arguments
