"""Routes of a chat with a job's artifact: OpenAI's own shapes below /v1/jobs/{id}, which is a client's base_url."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, RequestBody, Schema
from litestar.response import Stream
from litestar.types import ExceptionHandlersMap

from service.api.bodies import left
from service.api.problems import OF_BODIES, documented, on_anything, on_http, on_known
from service.errors import ErrorItem, TuneGateError
from service.records.chat_completion import ChatChunk, ChatCompletion, ChatModel, ChatModels, ChatRequest
from service.records.problem import Problem, problem_of
from service.verbs import chat
from service.verbs.chat_request import chat_question
from service.verbs.context import Context
from service.verbs.receiving.uploads import unless_left

T = TypeVar("T")
# far beyond any context of a local model, and little to hold
BODY_BYTES = 4 * 2**20
_DONE = b"data: [DONE]\n\n"
_JSON = "application/json"
_EVENTS = "text/event-stream"
_SERVER_ERROR = 500
# our code -> OpenAI's, where its clients act on one (platform.openai.com/docs/guides/error-codes)
_CLIENTS_CODES = {"context_overflow": "context_length_exceeded"}


@dataclass
class ChatOperation(Operation):
    """The body of a completion; read by hand, so that all mistakes are told at once."""

    body: ClassVar[type[msgspec.Struct]] = ChatRequest

    def __post_init__(self) -> None:
        (_,), parts = msgspec.json.schema_components([self.body], ref_template="{name}")
        schema = _schema(parts[self.body.__name__], parts)
        self.request_body = RequestBody(content={_JSON: OpenAPIMediaType(schema=schema)}, required=True)


@dataclass
class CompletionOperation(ChatOperation):
    """Its answer comes whole, or in pieces where the body asks for that."""

    def __post_init__(self) -> None:
        super().__post_init__()
        answer = (self.responses or {})["200"]
        assert isinstance(answer, OpenAPIResponse)
        pieces = Schema(description="Server-sent events: chunks as OpenAI's, then [DONE].")
        answer.content = {**(answer.content or {}), _EVENTS: OpenAPIMediaType(schema=pieces)}


def _schema(given: dict[str, Any], parts: dict[str, Any]) -> Schema:
    """A JSON Schema as the framework's own, its parts written out in place."""
    given = parts[given["$ref"]] if "$ref" in given else given
    values: dict[str, Any] = {}
    for name, value in given.items():
        key = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if name == "anyOf":
            values[key] = [_schema(one, parts) for one in value]
        elif name == "properties":
            values[key] = {one: _schema(part, parts) for one, part in value.items()}
        elif isinstance(value, dict):
            values[key] = _schema(value, parts)
        elif name == "type":
            values[key] = OpenAPIType(value)
        else:
            values[key] = value
    return Schema(**values)


def on_known_chat(request: Request[Any, Any, Any], error: TuneGateError) -> Response[bytes]:
    """Our own errors."""
    return _for_clients(on_known(request, error))


def on_http_chat(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's."""
    return _for_clients(on_http(request, error))


def on_anything_chat(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug."""
    return _for_clients(on_anything(request, error))


HANDLERS: ExceptionHandlersMap = {
    TuneGateError: on_known_chat, HTTPException: on_http_chat, Exception: on_anything_chat,
}  # fmt: skip


class Chat(Controller):
    """Conversations with what a job made."""

    path = "/jobs/{identifier:str}"
    tags = ("chat",)
    exception_handlers = HANDLERS

    @get("/models", sync_to_thread=True, responses=documented(404, 409, 422))
    def models(self, identifier: str, context: Context) -> ChatModels:
        """The precisions that can be asked, the one that answers unasked first."""
        return chat.models(context, identifier)

    @get("/models/{name:str}", sync_to_thread=True, responses=documented(404, 409, 422))
    def model(self, identifier: str, name: str, context: Context) -> ChatModel:
        """One of them."""
        found = [model for model in chat.models(context, identifier).data if model.id == name]
        if not found:
            raise TuneGateError("not_found", "The artifact has no such precision.", remedy="GET models lists them.")
        return found[0]

    @post(
        "/chat/completions", status_code=200, request_max_body_size=BODY_BYTES, operation_class=CompletionOperation,
        responses=documented(404, 409, *OF_BODIES, 422, 501, 503) | {
            200: ResponseSpec(
                ChatCompletion, generate_examples=False,
                description="The answer; with stream: true its pieces as server-sent events, the last one [DONE].",
            )
        },
    )  # fmt: skip
    async def answer(
        self, request: Request[Any, Any, Any], identifier: str, context: Context
    ) -> Response[bytes] | Stream:
        """Answer a conversation as OpenAI's API does, by the job's ONNX model; greedy unless a temperature is given."""
        asked = chat_question(await request.body(), job_id=identifier)
        return await answered(request, context, await chat.asked(context, identifier, asked))


async def answered(
    request: Request[Any, Any, Any], context: chat.Answering, question: chat.Asked
) -> Response[bytes] | Stream:
    """The answer whole, or in pieces where the question asks for that."""
    if not question.chat.stream:
        answer = await _unless_left(request, chat.complete(context, question))
        return Response(msgspec.json.encode(answer), media_type=_JSON)
    stack = AsyncExitStack()
    chunks = await _unless_left(request, stack.enter_async_context(chat.streamed(context, question)))
    return Stream(_events(stack, chunks), media_type=_EVENTS, headers={"Cache-Control": "no-cache"})


async def _events(stack: AsyncExitStack, chunks: AsyncIterator[ChatChunk]) -> AsyncIterator[bytes]:
    encoder = msgspec.json.Encoder()
    async with stack:
        try:
            async for chunk in chunks:
                yield b"data: " + encoder.encode(chunk) + b"\n\n"
        except TuneGateError as error:
            yield b"data: " + encoder.encode({"error": _client_error(problem_of(error))}) + b"\n\n"
        else:
            yield _DONE


async def _unless_left(request: Request[Any, Any, Any], work: Awaitable[T]) -> T:
    """What the work gives; it is cancelled when the client leaves first."""
    working = asyncio.ensure_future(work)
    return await unless_left(left(request), working, working.cancel)


def _for_clients(answer: Response[bytes]) -> Response[bytes]:
    """The same problem, with OpenAI's `error` object beside its members: clients show its message."""
    problem = msgspec.json.decode(answer.content, type=Problem)
    whole = msgspec.to_builtins(problem) | {"error": _client_error(problem)}
    answer.content = msgspec.json.encode(whole)
    return answer


def _client_error(problem: Problem) -> dict[str, str | None]:
    said = [problem.detail, *(_said(item) for item in problem.errors), problem.remedy]
    return {
        "message": " ".join(text for text in said if text),
        "type": "server_error" if problem.status >= _SERVER_ERROR else "invalid_request_error",
        "param": problem.errors[0].where if problem.errors else None,
        "code": _CLIENTS_CODES.get(problem.code, problem.code),
    }


def _said(item: ErrorItem) -> str:
    return f"{item.where}: " + ", ".join(part for part in (item.seen, item.allowed, item.remedy) if part) + "."
