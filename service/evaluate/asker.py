"""What whoever asks a model gives back: an answer, or why there is none; the same for endpoints and folders."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from service.evaluate.answers import ExpectedCall
from service.evaluate.prompts import Prompt

# what an answer may fail of; the codes stand in the record's `failed`
Code = Literal[
    "connection",  # no connection, or one that broke off
    "timeout",
    "rate_limited",
    "server_error",
    "not_json",
    "no_answer",  # JSON, but no choices, or neither text nor calls in them
    "too_large",
    "key_refused",
    "no_such_model",
    "content_filter",
    "too_long",  # the prompt does not fit the model
    "refused_request",
    "unexpected_status",
    "wrong_vectors",  # embeddings that cannot be used: the hint says how
    "wrong_field",  # search results without the text that was asked for
]
# the endpoint gives up on such for good: another try costs and changes nothing
FINAL: frozenset[str] = frozenset(("content_filter",))
_PASSING: frozenset[str] = frozenset(
    ("connection", "timeout", "rate_limited", "server_error", "not_json", "no_answer", "wrong_vectors")
)
# nothing further will be answered either
HOPELESS: frozenset[str] = frozenset(("key_refused", "no_such_model"))


class Progress(msgspec.Struct, frozen=True):
    """How far an evaluation is: rows of all cells, and how many of them have no answer."""

    done: int
    total: int
    failed: int


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model answered; `counted` where the tokens are our count, because the endpoint gave none."""

    text: str | None = None
    calls: list[ExpectedCall] = []
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    counted: bool = False
    model: str | None = None  # what the endpoint says answered
    vector: str | None = None  # of an embeddings endpoint: float32, little-endian, base64
    found: list[str] | None = None  # of a search index: texts, the best first


class Unanswered(Exception):  # noqa: N818 - it names the result
    """Why there is no answer: a code, never the endpoint's words, which may repeat the prompt.

    `wait_s` is what the endpoint asks to wait, `charged` whether it may have billed the try, `hint` a parameter it
    names.
    """

    def __init__(self, code: Code, *, wait_s: float | None = None, charged: bool = False, hint: str = "") -> None:
        super().__init__(code)
        self.code, self.wait_s, self.charged, self.hint = code, wait_s, charged, hint

    @property
    def passing(self) -> bool:
        """Whether another try may be answered."""
        return self.code in _PASSING


class Asker(Protocol):
    """One model, open for questions."""

    @property
    def engine(self) -> str | None:
        """What answers, where that is known."""

    def request(self, prompt: Prompt) -> dict[str, Any]:
        """The whole request as it is sent: with the model's identity it is the key of the cache."""

    async def ask(self, prompt: Prompt) -> Reply:
        """One try.

        Raises:
            Unanswered: with the code.

        """

    async def close(self) -> None:
        """Let go of connections and processes."""
