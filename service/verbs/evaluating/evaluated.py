"""What came of an evaluation: the record, what was asked and paid, and what kept models from answering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.records.evaluation import Evaluation

if TYPE_CHECKING:
    from service.evaluate.tries import Tries

# code -> (what happened, what to do)
MEANINGS: dict[str, tuple[str, str]] = {
    "connection": ("no connection, or one that broke off", "Check the address and that the endpoint runs."),
    "timeout": ("no answer in time", "Raise timeout_s in the model's file, or lower --concurrency."),
    "rate_limited": ("too many requests", "Lower --concurrency; the same command goes on later."),
    "server_error": ("an error of the endpoint", "Look at the endpoint; the same command goes on."),
    "not_json": ("an answer that is not JSON", "Check the address: it ends before /chat/completions."),
    "no_answer": ("JSON without an answer", "Check that this is an OpenAI-compatible chat endpoint."),
    "too_large": ("an answer of more than 32 MiB", "Check that this is an OpenAI-compatible chat endpoint."),
    "key_refused": ("the key was refused", "Check the variable named by api_key_env, and the key's quota."),
    "no_such_model": ("no such model or address", "Check the model's (deployment's) name and the address."),
    "content_filter": ("filtered by the endpoint", "Such rows stay without an answer."),
    "too_long": ("longer than the model takes", "Shorten the rows, or ask another model."),
    "refused_request": ("the request was refused", "See limit_as, left_out and parameters of the model's file."),
    "unexpected_status": ("a status that no chat endpoint gives", "Check the address; redirects are not followed."),
    "wrong_vectors": ("vectors that cannot be used", "Check the model's name and `dimensions`, and the endpoint."),
    "wrong_field": ("results without the text", "Check text_field: it names a retrievable field that holds a text."),
}
# kind of line -> the same where it is not a chat endpoint
_RETRIEVAL: dict[str, dict[str, tuple[str, str]]] = {
    "embeddings": {
        "not_json": ("an answer that is not JSON", "Check the address: it ends before /embeddings."),
        "too_large": ("an answer of more than 32 MiB", "Lower `batch`, or check that this is an embeddings endpoint."),
        "too_long": ("longer than the model takes", "Lower chunk_tokens, or `batch`."),
        "refused_request": ("the request was refused", "Check the model's name, `dimensions` and `batch`."),
        "no_such_model": ("no such model or address", "Check name and endpoint of [retrieval.embeddings]."),
        "unexpected_status": ("a status that no embeddings endpoint gives", "Check the address."),
        "timeout": ("no answer in time", "Raise timeout_s of [retrieval.embeddings], or lower `batch`."),
    },
    "search": {
        "not_json": ("an answer that is not JSON", "Check the endpoint: https://NAME.search.windows.net."),
        "no_answer": ("JSON without results", "Check that this is an endpoint of Azure AI Search."),
        "key_refused": ("the key was refused", "Check the variable named by api_key_env; a firewall refuses so too."),
        "no_such_model": ("no such index or address", "Check index and endpoint of [retrieval.search]."),
        "refused_request": (
            "the request was refused",
            "Check text_field, vector_field, semantic_configuration and filter: the index must have them.",
        ),
        "unexpected_status": ("a status that no search gives", "Check the address."),
        "timeout": ("no answer in time", "Raise timeout_s of [retrieval.search], or lower its concurrency."),
        "too_large": ("an answer of more than 32 MiB", "Lower top_k."),
        "too_long": ("a question longer than the service takes", "Shorten the rows."),
    },
}


class ModelFailure(msgspec.Struct, frozen=True):
    """One code of one model; `answered` says whether the model answered anything, `given_up` whether it was left."""

    model: str
    code: str
    requests: int
    answered: bool
    given_up: bool
    meaning: str
    remedy: str


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """The record, and what of this run does not belong into it: how much was asked and paid, what failed.

    `from_before` says that nothing had to be asked or measured; money in USD, over all tries of the folder.
    """

    record: Evaluation
    asked: int = 0
    cached: int = 0
    retried: int = 0
    paid_usd: float = 0.0
    out_of_budget: bool = False
    from_before: bool = False
    failures: list[ModelFailure] = []


def failures(lines: Sequence[Tries]) -> list[ModelFailure]:
    """Every code of every model, the most frequent first."""
    return [
        ModelFailure(
            model=line.model.id,
            code=code,
            requests=count,
            answered=bool(line.answered or line.cached),
            given_up=line.given_up == code,
            meaning=_meaning(line, code)[0],
            remedy=_remedy(line, code),
        )
        for line in lines
        for code, count in sorted(line.failed.items(), key=lambda one: (-one[1], one[0]))
    ]


def refuse_without_answers(lines: Sequence[Tries], retrieving: Sequence[Tries] = ()) -> None:
    """There is nothing to measure when no model answered anything, `retrieving` for it being one reason.

    Raises:
        TuneGateError: `missing_key` where every model refuses its key, else `no_answers`.

    """
    found = failures([*lines, *retrieving])
    if not found or any(line.answered or line.cached for line in lines):
        return
    errors = [
        ErrorItem(f"model {one.model}", f"{one.meaning} ({one.code}, {one.requests} requests)", None, one.remedy)
        for one in found
    ]
    only_keys = {one.code for one in found} == {"key_refused"}
    code, what = ("missing_key", "refused") if only_keys else ("no_answers", "asked")
    raise TuneGateError(
        code,
        f"{len(lines)} model(s) {what}, and no answer.",
        remedy="Nothing was lost: the same command asks again.",
        errors=errors,
    )


def _remedy(line: Tries, code: str) -> str:
    hints = ", ".join(sorted(line.hints.get(code, ())))
    named = f" It names: {hints}." if hints else ""
    return _meaning(line, code)[1] + named


def _meaning(line: Tries, code: str) -> tuple[str, str]:
    return _RETRIEVAL.get(line.kind, {}).get(code, MEANINGS[code])
