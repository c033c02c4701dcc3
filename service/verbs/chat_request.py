"""A chat completion's body to a question, with every mistake named at once and no text of it repeated."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any, get_type_hints

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.chat_completion import ChatRequest
from trainers.answers import Question

# they change no answer; OpenAI's own service does not need them either
IGNORED = (
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
)  # fmt: skip
_FIELDS = {field.name: field for field in msgspec.structs.fields(ChatRequest)}
_PLACE = re.compile(r" - at `\$(.*)`$")
_LETTERS = string.ascii_letters + string.digits
_SHOWN = 40


class ChatQuestion(msgspec.Struct, frozen=True):
    """`model` is a precision or None; `usage` asks a stream for its usage."""

    question: Question
    model: str | None
    stream: bool
    usage: bool


def chat_question(body: bytes, *, job_id: str) -> ChatQuestion:
    """What is asked.

    Raises:
        TuneGateError: `invalid_input` with one item per field that is wrong.
    """
    given = _object(body)
    errors = [*_unknown(given), *_wrong(given), *_contradictions(given)]
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} field(s) of the request cannot be used.",
            remedy="GET /schema describes the body.",
            errors=errors,
        )
    asked = msgspec.convert(given, ChatRequest)
    options = asked.stream_options
    return ChatQuestion(
        _question(asked),
        None if asked.model in {None, "", job_id} else asked.model,
        stream=bool(asked.stream),
        usage=bool(options and options.include_usage),
    )


def new_id(prefix: str, length: int = 24) -> str:
    """A random id of letters and digits."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(length))


def _question(asked: ChatRequest) -> Question:
    stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    tools = None if asked.tool_choice == "none" else asked.tools
    return Question(
        id=new_id("chatcmpl-"),
        # keys of answers that clients send back (refusal, annotations, audio) are none of a chat row
        messages=[_without_nulls(message) for message in asked.messages],
        tools=[_without_nulls(tool) for tool in tools] if tools else None,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        temperature=asked.temperature or 0.0,
        top_p=1.0 if asked.top_p is None else asked.top_p,
        seed=asked.seed,
        stop=stop,
    )


def _without_nulls(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(struct).items() if value is not None}


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_object("it is no JSON") from error
    if not isinstance(given, dict):
        raise _no_object("it is JSON of another kind")
    return {name: value for name, value in given.items() if value is not None}


def _no_object(seen: str) -> TuneGateError:
    return TuneGateError("invalid_input", f"The body is no JSON object: {seen}.", remedy="GET /schema describes it.")


def _unknown(given: dict[str, Any]) -> list[ErrorItem]:
    return [
        ErrorItem(
            name[:_SHOWN],
            "a field that this model's answers know nothing of",
            "the fields of GET /schema",
            suggestion(name[:_SHOWN], _FIELDS) or "Leave it out.",
        )
        for name in given
        if name not in _FIELDS and name not in IGNORED
    ]


def _wrong(given: dict[str, Any]) -> list[ErrorItem]:
    errors = []
    hints = get_type_hints(ChatRequest, include_extras=True)
    for name, field in _FIELDS.items():
        if name not in given:
            if field.required:
                errors.append(ErrorItem(name, "missing", "a list of messages"))
            continue
        try:
            msgspec.convert(given[name], hints[name])
        except msgspec.ValidationError as error:
            errors.append(_named(name, str(error)))
    return errors


def _named(name: str, text: str) -> ErrorItem:
    """The library names the place and what is allowed; a value that it repeats is left out."""
    place = _PLACE.search(text)
    said = text[: place.start()] if place else text
    if said.startswith("Invalid enum value"):
        said = "One of the values of GET /schema"
    return ErrorItem(f"{name}{place[1] if place else ''}"[:_SHOWN], None, said)


def _contradictions(given: dict[str, Any]) -> list[ErrorItem]:
    errors = []
    if given.get("logprobs") is True:
        errors.append(ErrorItem("logprobs", "true", "false: probabilities are not told"))
    if given.get("parallel_tool_calls") is False:
        errors.append(ErrorItem("parallel_tool_calls", "false", "true: nothing limits a model to one call"))
    if {"max_tokens", "max_completion_tokens"} <= set(given) and given["max_tokens"] != given["max_completion_tokens"]:
        errors.append(ErrorItem("max_tokens", "another number than max_completion_tokens", "one of the two"))
    if "stream_options" in given and given.get("stream") is not True:
        errors.append(ErrorItem("stream_options", "without stream", "only with stream: true"))
    return errors
