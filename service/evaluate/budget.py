"""Money: what was paid, and whether one more request can be; a request is let through at its highest possible price."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from service.evaluate.asker import Reply
from service.evaluate.models import Model

_MILLION = 1e6
# what rounding leaves of a sum that is taken off again
_DUST = 1e-12


class OutOfBudget(Exception):  # noqa: N818 - it names the state
    """Nothing more can be asked for the money that is left."""


class Budget:
    """At most `usd` in all, null for as much as it takes; `spent` is what an earlier try of the evaluation paid."""

    def __init__(self, usd: float | None, spent: float) -> None:
        self.usd, self.spent = usd, spent
        self._reserved = 0.0
        self._settled = asyncio.Condition()

    async def admit(self, most: float) -> None:
        """Set the highest possible price of a request aside; wait while those under way may leave enough.

        Raises:
            OutOfBudget: when they cannot.

        """
        if self.usd is not None and most > 0:
            async with self._settled:
                while self.spent + self._reserved + most > self.usd:
                    if not self._reserved:
                        raise OutOfBudget
                    await self._settled.wait()
                self._reserved += most

    async def settle(self, most: float, paid: float) -> None:
        """What was set aside for a request is free again, but for what it cost."""
        self.spent += paid
        if self.usd is not None and most > 0:
            async with self._settled:
                left = self._reserved - most
                self._reserved = left if left > _DUST else 0.0
                self._settled.notify_all()


def most_usd(model: Model, request: dict[str, Any], answer_tokens: int) -> float:
    """The highest price of a request without images: a token is a byte at least, and an answer as long as allowed.

    All of the request counts: tools, and what `parameters` adds to it, are read by the model too.
    """
    if model.usd_per_million is None:
        return 0.0
    return price(model, len(msgspec.json.encode(request)), answer_tokens) or 0.0


def cost(model: Model, reply: Reply, most: float) -> float:
    """What an answer cost; the highest price where nobody says how long it was."""
    found = price(model, reply.tokens_in, reply.tokens_out)
    return most if found is None else found


def price(model: Model, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """USD for so many tokens; None where a number is missing."""
    if model.usd_per_million is None:
        return 0.0
    if tokens_in is None or tokens_out is None:
        return None
    return (tokens_in * model.usd_per_million[0] + tokens_out * model.usd_per_million[1]) / _MILLION
