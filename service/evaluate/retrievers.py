"""Who finds the passages of a variant: by words, by vectors, by both, or a search index."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from service.evaluate.answer_log import AnswerLog
from service.evaluate.asker import Unanswered
from service.evaluate.budget import Budget, OutOfBudget
from service.evaluate.counting import tokens_or_none
from service.evaluate.documents import Documents, Passage
from service.evaluate.embedding import EmbeddingLine
from service.evaluate.models import key_of
from service.evaluate.retrieval import PassageIndex
from service.evaluate.retrieval_settings import Embeddings, Retrieval, Search
from service.evaluate.search_index import SearchLine
from service.evaluate.tries import Tries
from service.evaluate.variants import Variant
from service.records.identity import digest

# Cormack, Clarke, Büttcher: Reciprocal rank fusion outperforms Condorcet and individual rank learning methods, SIGIR
# 2009 (doi.org/10.1145/1571941.1572114): the sum of 1 / (k + rank) over the rankings, with k = 60
_FUSED_K = 60
# what stands lower adds less than a thousandth, and a folder may have very many passages
_FUSED_DEPTH = 1000


class Retriever(Protocol):
    """Finds the texts that belong to a question."""

    async def texts(self, question: str, count: int) -> list[str]:
        """The best ones, the best first.

        Raises:
            Unanswered: where what is asked for them gives none.
            OutOfBudget: when the money does not last.

        """


class ByWords:
    """BM25."""

    def __init__(self, index: PassageIndex) -> None:
        self._index = index

    async def texts(self, question: str, count: int) -> list[str]:
        return self._index.texts(question, count)


class ByVectors:
    """By the cosine between the vectors of question and passage; with `words`, fused with its ranking."""

    def __init__(
        self, passages: Sequence[Passage], line: EmbeddingLine, settings: Embeddings, words: PassageIndex | None
    ) -> None:
        self._passages, self._line, self._settings, self._words = passages, line, settings, words
        self._lock = asyncio.Lock()
        self._vectors: Any = None
        self._failed: Exception | None = None

    async def texts(self, question: str, count: int) -> list[str]:
        import numpy as np

        if not question.strip():
            return []
        vectors = await self._embedded()
        asked = await self._line.vector(self._settings.question_prefix + question)
        order: list[int] = np.argsort(-(vectors @ asked), kind="stable").tolist()
        if self._words is not None:
            order = fused([one[:_FUSED_DEPTH] for one in (self._words.ranking(question), order)])
        return [self._passages[place].text for place in order[:count]]

    async def _embedded(self) -> Any:
        """The passages' vectors, (passages, dimensions); asked for once, also where that failed."""
        import numpy as np

        async with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._vectors is None:
                try:
                    prefix = self._settings.passage_prefix
                    found = await self._line.vectors([prefix + one.text for one in self._passages])
                except (Unanswered, OutOfBudget) as error:
                    self._failed = error
                    raise
                self._vectors = np.stack(found)
        return self._vectors


class ByIndex:
    """By an index of Azure AI Search; with `vectors`, which embed the question where the index does not."""

    def __init__(self, line: SearchLine, vectors: EmbeddingLine | None, prefix: str) -> None:
        self._line, self._vectors, self._prefix = line, vectors, prefix

    async def texts(self, question: str, count: int) -> list[str]:
        if not question.strip():
            return []
        if self._vectors is None:
            return await self._line.texts(question, count)
        vector = (await self._vectors.vector(self._prefix + question)).tolist()
        return await self._line.texts(question, count, vector)


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Places by reciprocal rank fusion, the best first; of equals the one of the lower number."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            scores[place] += 1 / (_FUSED_K + rank)
    return sorted(scores, key=lambda place: (-scores[place], place))


class Retrievers:
    """The retrievers of all variants; equal settings share an index, equal addresses a line."""

    def __init__(
        self,
        variants: Sequence[Variant],
        documents: Mapping[int, Documents],
        log: AnswerLog,
        budget: Budget,
        *,
        environment: Mapping[str, str],
        concurrency: int,
        seed: int,
    ) -> None:
        self._documents, self._log, self._budget = documents, log, budget
        self._environment, self._concurrency, self._seed = environment, concurrency, seed
        self._indexes: dict[int, PassageIndex] = {}
        self._made: dict[str, Retriever] = {}
        self._embedding: dict[str, EmbeddingLine] = {}
        self._search: dict[str, SearchLine] = {}
        self.by_variant = {one.id: self._of(one.retrieval) for one in variants if one.retrieval is not None}

    @property
    def lines(self) -> list[Tries]:
        """Every address that is asked to find passages."""
        return [*self._embedding.values(), *self._search.values()]

    def described(self, variants: Sequence[Variant]) -> list[dict[str, Any]]:
        """The variants as the record names them, with what was seen of what they are retrieved by."""
        return [self._with_seen(one) for one in variants]

    async def close(self) -> None:
        """Let go of all connections."""
        for line in self._embedding.values():
            await line.close()
        for index in self._search.values():
            await index.close()

    def _with_seen(self, variant: Variant) -> dict[str, Any]:
        found = variant.described()
        settings = variant.retrieval
        if settings is not None and settings.embeddings is not None:
            seen = self._line(settings.embeddings).described()
            retrieval = found["retrieval"]
            found["retrieval"] = {**retrieval, "embeddings": {**retrieval["embeddings"], **seen}}
        return found

    def _of(self, settings: Retrieval) -> Retriever:
        key = digest([settings.content(), settings.embeddings, settings.search])
        if key not in self._made:
            self._made[key] = self._new(settings)
        return self._made[key]

    def _new(self, settings: Retrieval) -> Retriever:
        size, made = settings.chunk_tokens, settings.embeddings
        if settings.search is not None:
            vectors = None if made is None else self._line(made)
            return ByIndex(self._search_line(settings.search), vectors, "" if made is None else made.question_prefix)
        if made is None:
            return ByWords(self._index(size))
        words = self._index(size) if settings.hybrid else None
        return ByVectors(self._documents[size].passages, self._line(made), made, words)

    def _index(self, size: int) -> PassageIndex:
        if size not in self._indexes:
            self._indexes[size] = PassageIndex(self._documents[size].passages)
        return self._indexes[size]

    def _line(self, settings: Embeddings) -> EmbeddingLine:
        key = digest(msgspec.structs.replace(settings, question_prefix="", passage_prefix=""))
        if key not in self._embedding:
            self._embedding[key] = EmbeddingLine(
                settings,
                self._log,
                self._budget,
                key=key_of(settings.model, self._environment),
                workers=settings.model.concurrency or self._concurrency,
                seed=self._seed,
                count=tokens_or_none,
            )
        return self._embedding[key]

    def _search_line(self, settings: Search) -> SearchLine:
        key = digest(settings)
        if key not in self._search:
            self._search[key] = SearchLine(
                settings,
                self._log,
                self._budget,
                key=key_of(settings.service, self._environment),
                workers=settings.service.concurrency or self._concurrency,
                seed=self._seed,
            )
        return self._search[key]
