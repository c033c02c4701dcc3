"""What the answering process is asked and what it says: the part of the contract that `trainers.answering` serves.

`python -m trainers.answering DIR` reads one `Asked` per line of stdin and writes one `Said` per line of stdout, as JSON
with a `type`; it says `ready` (or `refused` without an id, and ends) once the model is loaded. Questions are answered
one after the other in the order they came; what is said of one carries its id. It ends when stdin is closed.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Engine = Literal["onnxruntime-genai", "onnxruntime", "torch"]
FinishReason = Literal["stop", "length", "tool_calls"]

# tokens of an answer where the question names no limit and the context leaves room for more
DEFAULT_MAX_TOKENS = 1024


class Question(msgspec.Struct, frozen=True, kw_only=True, tag="question"):
    """A conversation that ends before the answer; messages and tools as in a chat row.

    `max_tokens` null: what the context leaves, at most DEFAULT_MAX_TOKENS. Temperature 0 is greedy; above it tokens are
    drawn from the smallest set whose probability reaches `top_p`, by `seed` (null: another one each time).
    The answer ends before the first of the `stop` texts.
    """

    id: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: list[str] = []


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody waits for this answer any more; nothing more is said of it."""

    id: str


Asked = Question | Cancel


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The model is loaded; `context` is its longest conversation in tokens, prompt and answer together."""

    engine: Engine
    version: str
    context: int | None


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The question is sound and its answer begins."""

    id: str
    prompt_tokens: int


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """More of the answer's text, in whole characters."""

    id: str
    text: str


class CalledTool(msgspec.Struct, frozen=True):
    """A call that the model wrote in a form that is known."""

    name: str
    arguments: dict[str, Any]


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answered"):
    """The whole answer: `text` is all pieces together, without special tokens, and without the calls.

    `completion_tokens` counts every token that was generated, the one that ends the answer included.
    """

    id: str
    text: str
    calls: list[CalledTool] = []
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A question that cannot be answered, or (without an id) a model that cannot be loaded; never holds their text."""

    id: str | None
    code: str
    detail: str
    remedy: str = ""


Said = Ready | Began | Piece | Answered | Refused
