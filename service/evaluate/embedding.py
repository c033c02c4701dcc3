"""Vectors of texts from an OpenAI-compatible /embeddings endpoint: in batches, each text asked for once.

Request and answer as platform.openai.com/docs/api-reference/embeddings/create has them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from service.evaluate.answer_log import AnswerLog, Entry
from service.evaluate.asker import Reply, Unanswered
from service.evaluate.budget import Budget, cost, most_usd
from service.evaluate.posting import Poster
from service.evaluate.retrieval_settings import Embeddings
from service.evaluate.tries import NotAsked, Tries
from service.records.identity import digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

_USAGE = ("prompt_tokens", "total_tokens")


class EmbeddingLine(Tries):
    """Requests to one endpoint of embeddings; every vector of it has the same length, which is 1 in the norm."""

    kind = "embeddings"

    def __init__(
        self,
        settings: Embeddings,
        log: AnswerLog,
        budget: Budget,
        *,
        key: str | None,
        workers: int,
        seed: int,
        count: Callable[[str], int | None],
    ) -> None:
        super().__init__(settings.model, log, budget, workers=workers, seed=seed)
        self._settings, self._count = settings, count
        self._poster = Poster(settings.model, key)
        self._at_once = asyncio.Semaphore(workers)
        self._tokens: dict[str, int | None] = {}
        self.dimensions = settings.dimensions

    async def vector(self, text: str) -> Vector:
        """The vector of one text.

        Raises:
            Unanswered: where there is none.
            OutOfBudget: when the money does not last.

        """
        key = self._key(text)

        async def ask() -> Reply:
            return (await self._asked([text]))[0]

        try:
            reply = await self.kept_or(key, _reply, ask)
        except NotAsked:
            raise self._left_alone() from None
        return self._read(key, reply)

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of many texts, in batches, as many at a time as there are workers.

        Raises:
            Unanswered: where one of them has none.
            OutOfBudget: when the money does not last.

        """
        wanted = {self._key(text): text for text in texts}
        missing = [text for key, text in wanted.items() if self._log.get(key) is None]
        self.cached += len(wanted) - len(missing)
        size = self._settings.batch
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        for start in range(0, len(batches), self.workers):
            under_way = [self._asked(batch) for batch in batches[start : start + self.workers]]
            for found in await asyncio.gather(*under_way, return_exceptions=True):
                if isinstance(found, NotAsked):
                    raise self._left_alone() from found
                if isinstance(found, BaseException):
                    raise found
        return [self._read(key, _reply(self._log.get(key))) for key in map(self._key, texts)]

    def described(self) -> dict[str, Any]:
        """What the record says of what was embedded: texts, their tokens and price; null where nobody counts them."""
        counts = list(self._tokens.values())
        known = [one for one in counts if one is not None]
        tokens = sum(known) if len(known) == len(counts) else None
        rate = self.model.usd_per_million
        usd = None if rate is None or tokens is None else round(tokens * rate[0] / 1e6, 6)
        return {"dimensions": self.dimensions, "texts": len(counts), "tokens": tokens, "usd": usd}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._poster.close()

    def _key(self, text: str) -> str:
        return digest([self.model.identity, {"input": text, "dimensions": self._settings.dimensions}])

    async def _asked(self, texts: Sequence[str]) -> list[Reply]:
        """One request, tried until it is answered; every text's vector is then in the folder."""
        keys = [self._key(text) for text in texts]
        body: dict[str, Any] = {"model": self.model.name, "input": list(texts)}
        if self._settings.dimensions is not None:
            body["dimensions"] = self._settings.dimensions
        most = most_usd(self.model, body, 0)

        async def once() -> tuple[list[Reply], float, list[Entry]]:
            async with self._at_once:
                content, _ = await self._poster.post(msgspec.json.encode(body))
            vectors, said = _embedded(content, len(texts))
            self._check(vectors)
            shares = self._shares(texts, said)
            replies = [Reply(vector=_packed(one), tokens_in=n) for one, n in zip(vectors, shares, strict=True)]
            total = None if None in shares else sum(one for one in shares if one is not None)
            paid = cost(self.model, Reply(tokens_in=total, tokens_out=0), most)
            entries = [Entry(key=key, reply=reply) for key, reply in zip(keys, replies, strict=True)]
            if len(entries) == 1:
                entries = [msgspec.structs.replace(entries[0], usd=paid)]
            return replies, paid, entries

        return await self.tried(keys[0] if len(keys) == 1 else digest(keys), most, once)

    def _check(self, vectors: Sequence[Sequence[float]]) -> None:
        """All of one length: as asked for, or else as the first one had it."""
        for vector in vectors:
            self.dimensions = self.dimensions or len(vector)
            if len(vector) != self.dimensions:
                raise _wrong(f"vectors of {len(vector)} numbers where {self.dimensions} are due")

    def _shares(self, texts: Sequence[str], said: int | None) -> list[int | None]:
        """The tokens of each text: our count, or of what the endpoint says each its share by bytes."""
        if said is None:
            return [self._count(text) for text in texts]
        sizes = [len(text.encode(errors="replace")) for text in texts]
        ends = [said * sum(sizes[: n + 1]) // max(1, sum(sizes)) for n in range(len(sizes))]
        return [end - before for before, end in zip([0, *ends], ends, strict=False)]

    def _read(self, key: str, reply: Reply) -> Vector:
        import numpy as np

        self._tokens[key] = reply.tokens_in
        found = np.frombuffer(base64.b64decode(reply.vector or ""), dtype="<f4")
        self.dimensions = self.dimensions or len(found)
        if len(found) != self.dimensions:
            # of an earlier evaluation of this folder, when the endpoint gave others
            raise _wrong(f"vectors of {len(found)} numbers where {self.dimensions} are due")
        return found

    def _left_alone(self) -> Unanswered:
        return Unanswered(self.given_up or "no_answer")


def _reply(entry: Entry | None) -> Reply:
    if entry is None or entry.reply is None:
        raise Unanswered("content_filter")
    return entry.reply


def _embedded(content: bytes, count: int) -> tuple[list[list[float]], int | None]:
    """(a vector for each text, the tokens of all of them or None)."""
    try:
        # some servers write NaN, which is no JSON and yet tells what is wrong
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unanswered("not_json", charged=True) from error
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise _wrong("no list of embeddings")
    if len(items) != count:
        raise _wrong(f"{len(items)} vectors for {count} texts")
    places = [one.get("index", n) if isinstance(one, dict) else n for n, one in enumerate(items)]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(count)):
        raise _wrong("vectors whose numbers (index) are not those of the texts")
    found: list[list[float]] = [[]] * count
    for place, one in zip(places, items, strict=True):
        found[place] = _numbers(one.get("embedding") if isinstance(one, dict) else None)
    usage = answer.get("usage")
    said = [usage.get(name) for name in _USAGE] if isinstance(usage, dict) else []
    return found, next((one for one in said if type(one) is int and one >= 0), None)


def _numbers(vector: Any) -> list[float]:
    if not isinstance(vector, list) or not vector or any(type(one) not in {int, float} for one in vector):
        raise _wrong("an embedding that is no list of numbers")
    try:
        length = math.hypot(*vector)
    except OverflowError:
        length = math.inf
    if not math.isfinite(length):
        raise _wrong("a vector with NaN or infinity")
    if length == 0:
        raise _wrong("a vector of zeros, which has no direction")
    return [one / length for one in vector]


def _packed(vector: Sequence[float]) -> str:
    import numpy as np

    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _wrong(how: str) -> Unanswered:
    return Unanswered("wrong_vectors", charged=True, hint=how)
