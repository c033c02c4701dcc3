"""The line of requests to the model that writes: each is paid for once, whatever kills the process that sent it."""

from __future__ import annotations

from service.evaluate.answer_log import AnswerLog, Entry
from service.evaluate.asker import FINAL, Asker, Reply, Unanswered
from service.evaluate.budget import Budget
from service.evaluate.models import Model
from service.evaluate.prompts import Prompt
from service.evaluate.tries import Once, T, Tries
from service.records.identity import digest
from service.synth.purse import Amount, Purse, most_of, used_of


class WritingLine(Tries):
    """Requests within the budgets of a purse; before one is sent, a line of the log says the most that it may take."""

    def __init__(self, model: Model, asker: Asker, log: AnswerLog, purse: Purse, *, workers: int, seed: int) -> None:
        super().__init__(model, log, Budget(None, 0.0), workers=workers, seed=seed)
        self.asker, self._purse = asker, purse
        self._most: dict[str, Amount] = {}

    async def ask(self, prompt: Prompt) -> Reply:
        """The reply of the log, or a new one.

        Raises:
            Unanswered: when no try was answered.
            NotAsked: for a model that is given up.
            OutOfBudget: when the budgets do not last.
        """
        request = self.asker.request(prompt)
        key = digest([self.model.identity, request, prompt.sample])
        self._most[key] = most_of(self.model, request, prompt.max_new_tokens)
        return await self.kept_or(key, _known, lambda: self._asked(prompt, key))

    async def _asked(self, prompt: Prompt, key: str) -> Reply:
        async def once() -> tuple[Reply, float, list[Entry]]:
            reply = await self.asker.ask(prompt)
            used = used_of(self.model, reply, self._most[key])
            return reply, 0.0, [Entry(key=key, reply=reply, usd=used.usd, tokens=used.tokens)]

        return await self.tried(key, 0.0, once)

    async def _try(self, key: str, most: float, once: Once[T]) -> T:
        del most
        aside = self._most[key]
        await self._purse.admit(aside)
        used = aside
        try:
            self._log.add(Entry(key=key, reserved_usd=aside.usd, reserved_tokens=aside.tokens), final=False)
            value, _, kept = await once()
            for entry in kept:
                self._log.add(entry)
            used = Amount(1, sum(one.tokens for one in kept), sum(one.usd for one in kept))
        except Unanswered as error:
            used = aside if error.charged else Amount(requests=1)
            entry = Entry(key=key, code=error.code, usd=used.usd, tokens=used.tokens)
            self._log.add(entry, final=error.code in FINAL)
            raise
        finally:
            await self._purse.settle(aside, used)
        self.answered += 1
        self._rows_failed = self._tries_failed = 0
        return value


def _known(entry: Entry) -> Reply:
    if entry.reply is None:
        raise Unanswered("content_filter")
    return entry.reply
