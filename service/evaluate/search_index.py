"""Passages from an index of Azure AI Search: `POST /indexes/{index}/docs/search`, each question searched for once.

Request and answer as learn.microsoft.com/rest/api/searchservice/documents/search-post has them (2024-07-01); held
against a server of that shape, not against the service itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from service.evaluate.answer_log import AnswerLog, Entry
from service.evaluate.asker import Reply, Unanswered
from service.evaluate.budget import Budget
from service.evaluate.posting import Poster
from service.evaluate.retrieval_settings import Search
from service.evaluate.tries import NotAsked, Tries
from service.records.identity import digest

# operators of the simple query syntax (learn.microsoft.com/azure/search/query-simple-syntax), which no question means
_OPERATORS = str.maketrans(dict.fromkeys('+|"()*-~\\', " "))
# the semantic ranker takes 50 results (learn.microsoft.com/azure/search/semantic-search-overview)
_RANKED = 50


class SearchLine(Tries):
    """Requests to one index."""

    kind = "search"

    def __init__(
        self, settings: Search, log: AnswerLog, budget: Budget, *, key: str | None, workers: int, seed: int
    ) -> None:
        super().__init__(settings.service, log, budget, workers=workers, seed=seed)
        self._settings = settings
        self._poster = Poster(settings.service, key)
        self._at_once = asyncio.Semaphore(workers)

    async def texts(self, question: str, count: int, vector: Sequence[float] | None = None) -> list[str]:
        """The texts of the best results; `vector` is the question's, null to leave it to the index.

        Raises:
            Unanswered: where there are none to be had.

        """
        body = self._request(question, count, vector)
        if not body["search"] and self._settings.vector_field is None:
            return []  # an empty search gives any documents
        key = digest([self.model.identity, body])

        async def once() -> tuple[Reply, float, list[Entry]]:
            async with self._at_once:
                content, _ = await self._poster.post(msgspec.json.encode(body))
            reply = Reply(found=_texts(content, self._settings.text_field)[:count])
            return reply, 0.0, [Entry(key=key, reply=reply)]

        try:
            reply = await self.kept_or(key, _reply, lambda: self.tried(key, 0.0, once))
        except NotAsked:
            raise Unanswered(self.given_up or "no_answer") from None
        return reply.found or []

    async def close(self) -> None:
        """Let go of the connections."""
        await self._poster.close()

    def _request(self, question: str, count: int, vector: Sequence[float] | None) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {
            "search": " ".join(question.translate(_OPERATORS).split()),
            "select": settings.text_field,
            "top": count,
        }
        if settings.filter is not None:
            body["filter"] = settings.filter
        semantic = settings.semantic_configuration
        if semantic is not None:
            # results that were not ranked after all would be measured as if they were
            body |= {"queryType": "semantic", "semanticConfiguration": semantic, "semanticErrorHandling": "fail"}
        if settings.vector_field is not None:
            by = {"kind": "text", "text": question} if vector is None else {"kind": "vector", "vector": list(vector)}
            near = count if semantic is None else max(count, _RANKED)
            body["vectorQueries"] = [{**by, "fields": settings.vector_field, "k": near}]
        return body


class _Results(msgspec.Struct, frozen=True):
    value: list[dict[str, Any]]


def _texts(content: bytes, field: str) -> list[str]:
    """The texts of the results in their order; a document whose field is null has none."""
    try:
        found = msgspec.json.decode(content, type=_Results).value
    except msgspec.ValidationError as error:
        raise Unanswered("no_answer") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unanswered("not_json") from error
    if any(field not in one or not isinstance(one[field], str | None) for one in found):
        raise Unanswered("wrong_field")
    return [one[field] for one in found if isinstance(one[field], str) and one[field].strip()]


def _reply(entry: Entry) -> Reply:
    if entry.reply is None:
        raise Unanswered("content_filter")
    return entry.reply
