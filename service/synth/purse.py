"""Requests, tokens and money: a request is let through where the most that it may take is still there."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from service.evaluate.asker import Reply
from service.evaluate.budget import OutOfBudget, cost, most_usd
from service.evaluate.models import Model

__all__ = ["Amount", "Budgets", "OutOfBudget", "Purse", "most_of", "used_of"]


class Amount(NamedTuple):
    """What requests take; USD is 0 where there is no price."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """The most of each, over all tries with one work folder; null for as much as it takes."""

    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None

    def hold(self, amount: Amount) -> bool:
        """Whether an amount is within them."""
        pairs = zip((self.requests, self.tokens, self.usd), amount, strict=True)
        return all(most is None or asked <= most for most, asked in pairs)


class Purse:
    """What is spent, with what is set aside for requests under way."""

    def __init__(self, budgets: Budgets, spent: Amount) -> None:
        self._budgets, self.spent = budgets, spent
        self._under_way: list[Amount] = []
        self._settled = asyncio.Condition()

    async def admit(self, most: Amount) -> None:
        """Set the most that a request may take aside; wait while those under way may leave enough.

        Raises:
            OutOfBudget: when they cannot.
        """
        async with self._settled:
            while not self._budgets.hold(_sum([self.spent, most, *self._under_way])):
                if not self._under_way:
                    raise OutOfBudget
                await self._settled.wait()
            self._under_way.append(most)

    async def settle(self, most: Amount, used: Amount) -> None:
        """What was set aside is free again, but for what was used."""
        async with self._settled:
            self._under_way.remove(most)
            self.spent = _sum([self.spent, used])
            self._settled.notify_all()


def most_of(model: Model, request: dict[str, Any], answer_tokens: int) -> Amount:
    """The most that a request takes: a token is a byte at least, and an answer as long as is allowed."""
    tokens = len(msgspec.json.encode(request)) + answer_tokens
    return Amount(1, tokens, most_usd(model, request, answer_tokens))


def used_of(model: Model, reply: Reply, most: Amount) -> Amount:
    """What an answer took; the most where nobody says."""
    if reply.tokens_in is None or reply.tokens_out is None:
        return most
    return Amount(1, reply.tokens_in + reply.tokens_out, cost(model, reply, most.usd))


def _sum(amounts: list[Amount]) -> Amount:
    return Amount(*(sum(column) for column in zip(*amounts, strict=True)))
