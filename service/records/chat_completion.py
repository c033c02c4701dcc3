"""A chat completion in OpenAI's shape: what is asked over HTTP and what is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

# https://platform.openai.com/docs/api-reference/chat: at most four stop texts, temperature at most 2
_MOST_STOPS = 4
Stop = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(max_length=64)]


class AskedMessage(msgspec.Struct, frozen=True):
    """One message of the conversation; content is text, or parts of text."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    function_call: dict[str, Any] | None = None


class AskedTool(msgspec.Struct, frozen=True):
    type: Literal["function"]
    function: dict[str, Any]


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False
    include_obfuscation: bool = False


class OnlyText(msgspec.Struct, frozen=True):
    type: Literal["text"]


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a chat completion.

    `model` is a precision (GET models lists them), the job's id or nothing: the first. Without a temperature the answer
    is greedy. What a local model cannot do is accepted at the value that asks nothing of it: n 1, no penalties, no
    logit_bias, no logprobs, response_format text, tool_choice auto or none, parallel_tool_calls true. `user`,
    `metadata`, `store`, `service_tier`, `safety_identifier`, `prompt_cache_key` and `prompt_cache_retention` change no
    answer and are ignored; any other field is refused by name. Null is as good as nothing.
    """

    messages: Annotated[list[AskedMessage], msgspec.Meta(min_length=1, max_length=2048)]
    model: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    tools: Annotated[list[AskedTool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Stop | Annotated[list[Stop], msgspec.Meta(max_length=_MOST_STOPS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=1)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, float], msgspec.Meta(max_length=0)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=0)] | None = None
    response_format: OnlyText | None = None
    parallel_tool_calls: bool | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    """`arguments` are JSON written as text."""

    name: str
    arguments: str


class MadeCall(msgspec.Struct, frozen=True):
    """`index` is told in a stream alone."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"
    index: int | msgspec.UnsetType = msgspec.UNSET


class Usage(msgspec.Struct, frozen=True):
    """Tokens; the one that ends the answer is counted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Source(msgspec.Struct, frozen=True):
    """What answered: the artifact (its manifest's id), the precision, the engine, and why not onnxruntime-genai."""

    artifact: str
    precision: str
    engine: str
    why: str | None = None


class AnswerMessage(msgspec.Struct, frozen=True):
    content: str | None
    role: Literal["assistant"] = "assistant"
    tool_calls: list[MadeCall] | msgspec.UnsetType = msgspec.UNSET
    refusal: None = None


class AnswerChoice(msgspec.Struct, frozen=True):
    message: AnswerMessage
    finish_reason: Literal["stop", "length", "tool_calls"]
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; `created` in seconds since 1970, `tunegate` is beside OpenAI's own fields."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[AnswerChoice]
    usage: Usage
    system_fingerprint: str
    tunegate: Source


class Delta(msgspec.Struct, frozen=True):
    role: Literal["assistant"] | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[MadeCall] | msgspec.UnsetType = msgspec.UNSET


class ChunkChoice(msgspec.Struct, frozen=True):
    delta: Delta
    finish_reason: Literal["stop", "length", "tool_calls"] | None = None
    index: int = 0


class ChatChunk(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a streamed answer; with include_usage the last one has no choice but the usage."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET
    system_fingerprint: str
    tunegate: Source


class ChatModel(msgspec.Struct, frozen=True, kw_only=True):
    """One precision; `created` in seconds since 1970."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["tunegate"] = "tunegate"


class ChatModels(msgspec.Struct, frozen=True):
    data: list[ChatModel]
    object: Literal["list"] = "list"
