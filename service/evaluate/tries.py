"""Requests to one address: tries, waits, the cache before them, and when nothing more is asked of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from service.evaluate.answer_log import AnswerLog, Entry
from service.evaluate.asker import FINAL, HOPELESS, Code, Unanswered
from service.evaluate.budget import Budget
from service.evaluate.models import Model

# a wait that an endpoint asks for is kept up to this, what we wait by ourselves grows up to the other
_LONGEST_ASKED_S, _LONGEST_OWN_S = 300.0, 60.0
# nonsense is asked for once more only: it may have been billed
_NONSENSE, _NONSENSE_RETRIES = frozenset(("not_json", "no_answer", "wrong_vectors")), 1
# of the prompt, not of the model
_OF_THE_ROW = frozenset(("content_filter", "too_long"))
_ROWS_IN_A_ROW, _TRIES_IN_A_ROW = 10, 32


T = TypeVar("T")
Once = Callable[[], Awaitable[tuple[T, float, list[Entry]]]]


class NotAsked(Exception):  # noqa: N818 - it names the state
    """The model is given up: nothing more is asked of it."""


class Tries:
    """One address, asked by as many at a time as there are workers; `kind` is what messages call it."""

    kind = "model"

    def __init__(self, model: Model, log: AnswerLog, budget: Budget, *, workers: int, seed: int) -> None:
        self.model, self.workers = model, workers
        self.given_up: Code | None = None
        self.answered = self.cached = self.retried = 0
        self.failed: dict[str, int] = {}
        self.hints: dict[str, set[str]] = {}
        self._log, self._budget, self._seed = log, budget, seed
        self._not_before = 0.0
        self._rows_failed = self._tries_failed = 0
        self._under_way: dict[str, asyncio.Event] = {}

    async def kept_or(self, key: str, known: Callable[[Entry], T], ask: Callable[[], Awaitable[T]]) -> T:
        """What the folder has for a request, or what is asked now; an equal one that is under way is waited for."""
        while (waited := self._under_way.get(key)) is not None:
            await waited.wait()
        entry = self._log.get(key)
        if entry is not None:
            self.cached += 1
            return known(entry)
        self._under_way[key] = asyncio.Event()
        try:
            return await ask()
        finally:
            self._under_way.pop(key).set()

    async def tried(self, key: str, most: float, once: Once[T]) -> T:
        """What one of the tries gives; `most` USD is what each costs at most, `once` gives its cost and what is kept.

        Raises:
            Unanswered: when no try was answered.
            NotAsked: for an address that is given up.
            OutOfBudget: when the money does not last.

        """
        last: Unanswered | None = None
        for number in range(self.model.retries + 1):
            await self._wait_for_turn()
            if self.given_up is not None:
                raise self._left(last)
            try:
                return await self._try(key, most, once)
            except Unanswered as error:
                last = error
                self._note_try(error)
                retries = min(self.model.retries, _NONSENSE_RETRIES) if error.code in _NONSENSE else self.model.retries
                if not error.passing or number >= retries:
                    self._note_failure(error)
                    raise
                self.retried += 1
                await self._pause(error, number, key)
        raise AssertionError

    async def _try(self, key: str, most: float, once: Once[T]) -> T:
        await self._budget.admit(most)
        paid = most
        try:
            if most > 0:
                # a process that is killed before the answer leaves this line: what was sent may be billed
                self._log.add(Entry(key=key, reserved_usd=most), final=False)
            value, paid, kept = await once()
            self._keep(key, most, paid, kept)
        except Unanswered as error:
            paid = most if error.charged else 0.0
            if most > 0 or error.code in FINAL:
                self._log.add(Entry(key=key, code=error.code, usd=paid), final=error.code in FINAL)
            raise
        finally:
            await self._budget.settle(most, paid)
        self.answered += 1
        self._rows_failed = self._tries_failed = 0
        return value

    def _keep(self, key: str, most: float, paid: float, kept: Sequence[Entry]) -> None:
        """The entries; where none of them is the request's own, a line of its own settles what was set aside."""
        for entry in kept:
            self._log.add(entry)
        if most > 0 and key not in {entry.key for entry in kept}:
            self._log.add(Entry(key=key, usd=paid), final=False)

    async def _wait_for_turn(self) -> None:
        """All wait where the endpoint asked for it."""
        while (left := self._not_before - time.monotonic()) > 0:  # noqa: ASYNC110 - a later wait may be longer
            await asyncio.sleep(left)

    def _left(self, last: Unanswered | None) -> Exception:
        """What a request ends with when its model is given up meanwhile: the code of its last try, if there was one."""
        if last is None:
            return NotAsked()
        self.failed[last.code] = self.failed.get(last.code, 0) + 1
        return last

    async def _pause(self, error: Unanswered, number: int, key: str) -> None:
        """What the endpoint asks to wait, which holds for all, and our own wait after it: it may ask for none."""
        asked = min(error.wait_s or 0.0, _LONGEST_ASKED_S)
        self._not_before = max(self._not_before, time.monotonic() + asked)
        own = min(self.model.backoff_s * 2**number, _LONGEST_OWN_S)
        jitter = random.Random(f"{self._seed}{key}{number}").uniform(0.5, 1.0)  # noqa: S311 - spreads the retries
        await asyncio.sleep(asked + own * jitter)

    def _note_try(self, error: Unanswered) -> None:
        if error.code not in {*_OF_THE_ROW, "rate_limited"}:
            self._tries_failed += 1
        if self._tries_failed >= max(_TRIES_IN_A_ROW, 4 * self.workers):
            self.given_up = self.given_up or error.code
        if error.hint:
            self.hints.setdefault(error.code, set()).add(error.hint)

    def _note_failure(self, error: Unanswered) -> None:
        """Count a request that stays unanswered, and give the model up where the next will be no better."""
        self.failed[error.code] = self.failed.get(error.code, 0) + 1
        self._rows_failed += error.code not in _OF_THE_ROW or not self.answered
        never = not self.answered and not self.cached
        if (
            error.code in HOPELESS
            or (never and error.code == "connection")
            or self._rows_failed >= max(_ROWS_IN_A_ROW, self.workers)
        ):
            self.given_up = self.given_up or error.code
