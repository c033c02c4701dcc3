"""Asks for rows until there are enough: several requests at a time, replies looked at in the order of the asks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from service.errors import TuneGateError
from service.evaluate.asker import Progress, Unanswered
from service.evaluate.asking import first_of
from service.evaluate.prompts import Prompt
from service.evaluate.tries import NotAsked
from service.privacy.redaction.row import Redactor
from service.synth.asks import Ask, Asks
from service.synth.likeness import Likeness
from service.synth.line import WritingLine
from service.synth.purse import OutOfBudget
from service.synth.rulebook import Limits
from service.synth.screen import Screen, Unusable, Written

# why it ended before there were enough rows
Stopped = Literal["budget", "given-up", "stalled"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row that stays: what was asked, what was written, at which try, and what says it answered."""

    ask: Ask
    written: Written
    try_: int
    answered_as: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The rows in the order of the asks; `rejected` counts replies by reason, `personal` what was found by entity."""

    rows: list[Row]
    rejected: Counter[str]
    personal: Counter[str]
    asked: int
    stopped: Stopped | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How rows are asked for."""

    rows: int
    temperature: float
    max_new_tokens: int


class Writing:
    """One set of rows. Which rows stay depends on the asks and the replies, not on which reply comes first."""

    def __init__(
        self,
        asks: Asks,
        line: WritingLine,
        screen: Screen,
        redactor: Redactor,
        limits: Limits,
        settings: Settings,
        report: Callable[[Progress], None],
    ) -> None:
        self._asks: Iterator[Ask] = iter(asks)
        self._line, self._screen, self._redactor, self._limits = line, screen, redactor, limits
        self._settings, self._report = settings, report
        self._alike = Likeness(limits.near_copy.value)
        self._rows: list[Row] = []
        self._rejected: Counter[str] = Counter()
        self._personal: Counter[str] = Counter()
        self._waiting: dict[int, Row | None] = {}
        self._taken = self._settled = self._unusable = 0
        self._stopped: Stopped | None = None
        self._changed = asyncio.Condition()

    async def write(self) -> Outcome:
        """Ask until there are enough rows, or nothing more can be asked."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._line.workers, self._settings.rows)):
                    group.create_task(self._worker())
        except* TuneGateError as errors:
            raise first_of(errors) from errors
        return Outcome(
            rows=self._rows,
            rejected=self._rejected,
            personal=self._personal,
            asked=self._settled,
            stopped=self._stopped if len(self._rows) < self._settings.rows else None,
        )

    async def _worker(self) -> None:
        while (ask := await self._next()) is not None:
            row: Row | None = None
            try:
                row = await self._row(ask)
            except OutOfBudget:
                self._stopped = self._stopped or "budget"
            except NotAsked:
                self._stopped = self._stopped or "given-up"
            async with self._changed:
                self._waiting[ask.number] = row
                self._settle()
                self._changed.notify_all()

    async def _next(self) -> Ask | None:
        """The next ask, once it can be needed: what is under way may be enough."""
        async with self._changed:
            while self._stopped is None and len(self._rows) < self._settings.rows:
                if len(self._rows) + self._taken - self._settled < self._settings.rows:
                    ask = next(self._asks, None)
                    self._taken += ask is not None
                    return ask
                await self._changed.wait()
            return None

    def _settle(self) -> None:
        """Take what came, in the order of the asks, and hold each row against those before it."""
        while self._settled in self._waiting:
            row = self._waiting.pop(self._settled)
            self._settled += 1
            if row is not None and self._alike.like(row.written.text):
                self._rejected["near-duplicate"] += 1
                row = None
            self._unusable = self._unusable + 1 if row is None else 0
            if row is not None and len(self._rows) < self._settings.rows:
                self._alike.add(row.written.text)
                self._rows.append(row)
        if self._unusable >= self._limits.unusable_in_a_row.value:
            self._stopped = self._stopped or "stalled"
        self._report(Progress(len(self._rows), self._settings.rows, sum(self._rejected.values())))

    async def _row(self, ask: Ask) -> Row | None:
        if self._redactor.redacted({"messages": ask.messages}).counts:
            self._rejected["personal-prompt"] += 1
            return None
        # the same request again would get the same reply
        tries = int(self._limits.tries_per_request.value) if self._settings.temperature > 0 else 1
        for number in range(1, tries + 1):
            prompt = Prompt(
                messages=ask.messages,
                temperature=self._settings.temperature,
                max_new_tokens=self._settings.max_new_tokens,
                sample=number,
            )
            try:
                reply = await self._line.ask(prompt)
                written = self._screen.written(reply.text, may_refuse=ask.template.may_refuse)
            except Unanswered:
                return None
            except Unusable as error:
                self._rejected[error.reason] += 1
                self._personal += error.personal
                continue
            self._personal += written.personal
            return Row(ask=ask, written=written, try_=number, answered_as=reply.model)
        return None
