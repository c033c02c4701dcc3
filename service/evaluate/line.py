"""One model's line of requests: prompts in, replies out, each asked for once."""

from __future__ import annotations

from typing import Any

from service.evaluate.answer_log import AnswerLog, Entry
from service.evaluate.asker import Asker, Reply, Unanswered
from service.evaluate.budget import Budget, cost, most_usd
from service.evaluate.models import Model
from service.evaluate.prompts import Prompt
from service.evaluate.tries import NotAsked, Tries
from service.records.identity import digest

__all__ = ["Line", "NotAsked"]


class Line(Tries):
    """Requests to one model, as many at a time as there are workers."""

    def __init__(self, model: Model, asker: Asker, log: AnswerLog, budget: Budget, *, workers: int, seed: int) -> None:
        super().__init__(model, log, budget, workers=workers, seed=seed)
        self.asker = asker
        self.counted = 0
        self.engines: set[str] = set()

    async def ask(self, prompt: Prompt) -> Reply:
        """The answer from the folder, or a new one.

        Raises:
            Unanswered: when no try was answered.
            NotAsked: for a model that is given up.
            OutOfBudget: when the money does not last.

        """
        key = digest([self.model.identity, self.asker.request(prompt), prompt.sample])
        reply = await self.kept_or(key, _known, lambda: self._asked(prompt, key))
        self._note(reply)
        return reply

    async def _asked(self, prompt: Prompt, key: str) -> Reply:
        most = most_usd(self.model, self.asker.request(prompt), prompt.max_new_tokens)

        async def once() -> tuple[Reply, float, list[Entry]]:
            reply = await self.asker.ask(prompt)
            paid = cost(self.model, reply, most)
            return reply, paid, [Entry(key=key, reply=reply, usd=paid)]

        return await self.tried(key, most, once)

    def _note(self, reply: Reply) -> None:
        self.counted += reply.counted
        if reply.model is not None:
            self.engines.add(reply.model)

    def described(self) -> dict[str, Any]:
        """The model as the record names it, with what was seen of it."""
        found: dict[str, Any] = self.model.described()
        if self.asker.engine is not None:
            found["engine"] = self.asker.engine
        if self.engines:
            found["answered_as"] = sorted(self.engines)
        if self.counted:
            found["tokens"] = "counted here, because the endpoint does not say them"
        return found


def _known(entry: Entry) -> Reply:
    if entry.reply is None:
        raise Unanswered("content_filter")
    return entry.reply
