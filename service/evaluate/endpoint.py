"""Asks an OpenAI-compatible chat endpoint over HTTP, one try at a time; every fault of it is a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.evaluate.answers import ExpectedCall
from service.evaluate.asker import Reply, Unanswered
from service.evaluate.models import Model
from service.evaluate.posting import Poster
from service.evaluate.prompts import Prompt, text_of
from service.evaluate.rows import read_call

_NO_OBJECT = "not a JSON object"
_USAGE = ("prompt_tokens", "completion_tokens")


class EndpointAsker:
    """One endpoint with its connections."""

    def __init__(
        self,
        model: Model,
        *,
        key: str | None,
        count: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        """Open nothing yet; `count` counts the tokens of a text where the endpoint does not say them."""
        self._model, self._count = model, count
        self._poster = Poster(model, key)

    @property
    def engine(self) -> str | None:
        return None

    def request(self, prompt: Prompt) -> dict[str, Any]:
        """The body of the request."""
        model = self._model
        body: dict[str, Any] = {"model": model.name, "messages": prompt.messages, **model.parameters}
        if "limit" not in model.left_out:
            body[model.limit_as] = prompt.max_new_tokens
        if "temperature" not in model.left_out:
            body["temperature"] = prompt.temperature
        if prompt.tools:
            body["tools"] = prompt.tools
        return body

    async def ask(self, prompt: Prompt) -> Reply:
        """Post the request once and read the answer, whatever comes."""
        content, seconds = await self._poster.post(msgspec.json.encode(self.request(prompt)))
        return self._reply(content, prompt, seconds)

    async def close(self) -> None:
        await self._poster.close()

    def _reply(self, content: bytes, prompt: Prompt, seconds: float) -> Reply:
        try:
            answer = msgspec.json.decode(content, type=_Completion)
        except msgspec.ValidationError as error:
            raise Unanswered("no_answer", charged=True) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unanswered("not_json", charged=True) from error
        if not answer.choices:
            raise Unanswered("no_answer", charged=True)
        choice = answer.choices[0]
        calls = _calls(choice.message)
        text = _text(choice.message)
        if choice.finish_reason == "content_filter" and not text:
            raise Unanswered("content_filter", charged=True)
        if text is None and not calls:
            raise Unanswered("no_answer", charged=True)
        counts, counted = self._tokens(answer.usage, prompt, text or "")
        return Reply(
            text=text,
            calls=calls,
            tokens_in=counts[0],
            tokens_out=counts[1],
            seconds=round(seconds, 6),
            counted=counted,
            model=answer.model if isinstance(answer.model, str) else None,
        )

    def _tokens(self, usage: Any, prompt: Prompt, text: str) -> tuple[tuple[int | None, int | None], bool]:
        """((of the prompt, of the answer), whether that is our count)."""
        said = [usage.get(key) for key in _USAGE] if isinstance(usage, dict) else []
        if said and all(type(one) is int and one >= 0 for one in said):
            return (said[0], said[1]), False
        asked = self._count(msgspec.json.encode(prompt.messages).decode())
        return (asked, self._count(text)), asked is not None


class _Function(msgspec.Struct, frozen=True):
    name: Any = None
    arguments: Any = None


class _Call(msgspec.Struct, frozen=True):
    function: _Function | None = None


class _Message(msgspec.Struct, frozen=True):
    content: str | list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    usage: Any = None
    model: Any = None


def _text(message: _Message) -> str | None:
    if message.content is None:
        return message.refusal
    return text_of(message.content)


def _calls(message: _Message) -> list[ExpectedCall]:
    """The calls; one whose arguments are no JSON object keeps its name, and has arguments that no call has."""
    found = []
    for call in message.tool_calls or []:
        if call.function is not None and isinstance(call.function.name, str):
            made = read_call({"name": call.function.name, "arguments": call.function.arguments})
            found.append(made or ExpectedCall(call.function.name, {"": _NO_OBJECT}))
    return found
