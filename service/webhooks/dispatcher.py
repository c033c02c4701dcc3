"""Works off the outbox while the service runs: bounded, retried with growing pauses, stopped when it is no use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

from service.clock import later, now
from service.observe.logs import place_of
from service.observe.metrics import WEBHOOKS
from service.records.access import Deed
from service.records.webhook import WebhookTry
from service.settings import Settings
from service.store.outbox import Claim, Outbox
from service.webhooks.secrets import Secrets, secrets_of
from service.webhooks.sending import SECONDS, Answer, Sender
from service.webhooks.signing import signed_headers

_LOG = logging.getLogger("tunegate.webhooks")
ACTOR = "service"
_MOST_AT_ONCE = 32
_POLL_SECONDS = 1.0
# longer than a try may take, with room for a busy machine
_CLAIM_SECONDS = int(3 * SECONDS)
_GRACE_SECONDS = 3.0
_KEPT_SECONDS = 30 * 86_400
_PURGE_EVERY_SECONDS = 3_600.0


class Pauses(msgspec.Struct, frozen=True):
    """Seconds between tries: the first, how they grow, the longest; a fifth more or less by chance, so that what failed
    together does not come back together. Twelve tries take about 22 hours.
    """

    first: float = 5.0
    growth: float = 3.0
    longest: float = 21_600.0
    tries: int = 12

    def after(self, tries: int, asked: float | None) -> float | None:
        """The pause after so many tries, at least what the receiver asked for; None when they were the last."""
        if tries >= self.tries:
            return None
        usual = min(self.longest, self.first * self.growth ** (tries - 1))
        return max(usual * random.uniform(0.8, 1.2), min(asked or 0.0, self.longest))  # noqa: S311 - no secret


class Dispatcher:
    """Takes what is due, sends it, and says how it went."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        secrets: Secrets,
        *,
        pauses: Pauses | None = None,
        poll: float = _POLL_SECONDS,
    ) -> None:
        self._outbox, self._sender, self._secrets = outbox, sender, secrets
        self._pauses, self._poll = pauses or Pauses(), poll
        self._sending: set[asyncio.Task[None]] = set()
        self._purged = -_PURGE_EVERY_SECONDS

    async def run(self) -> None:
        """Until it is cancelled; a database that does not answer is asked again."""
        while True:
            try:
                started = await self.round()
            except Exception as error:  # noqa: BLE001 - the next round may go well, and nobody else would make one
                _LOG.warning("outbox: %s at %s", type(error).__name__, place_of(error))
                started = 0
            if not started or len(self._sending) >= _MOST_AT_ONCE:
                await asyncio.sleep(self._poll)

    async def round(self) -> int:
        """Start to send what is due; how many."""
        if time.monotonic() - self._purged >= _PURGE_EVERY_SECONDS:
            self._purged = time.monotonic()
            await asyncio.to_thread(self._outbox.purge, later(-_KEPT_SECONDS))
        room = _MOST_AT_ONCE - len(self._sending)
        claims = await asyncio.to_thread(self._outbox.claim, most=room, seconds=_CLAIM_SECONDS) if room else []
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(claims)

    async def finish(self, seconds: float) -> None:
        """Wait for what is being sent, and give back what takes longer: another service, or the next one, sends it."""
        left = set(self._sending)
        if left:
            _, left = await asyncio.wait(left, timeout=seconds)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _deliver(self, claim: Claim) -> None:
        try:
            answer = await self._sent(claim)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._outbox.release, claim)
            raise
        WEBHOOKS.labels(answer.outcome).inc()
        pause = self._pauses.after(claim.tries + 1, answer.retry_after)
        if answer.outcome in {"delivered", "gone"}:
            pause = None
        fields = {
            "webhook": claim.webhook, "delivery": claim.id, "type": claim.type, "host": urlsplit(claim.url).hostname,
            "outcome": answer.outcome, "status": answer.status, "try": claim.tries + 1,
        }  # fmt: skip
        level = logging.INFO if answer.outcome == "delivered" else logging.WARNING
        _LOG.log(level, "webhook", extra={"fields": fields})
        try:
            await asyncio.to_thread(self._settle, claim, answer, pause)
        except Exception as error:  # noqa: BLE001 - the claim ends by itself, and the message is sent again
            _LOG.warning("outbox: %s at %s", type(error).__name__, place_of(error))

    async def _sent(self, claim: Claim) -> Answer:
        secrets = [self._secrets.of(claim.webhook, one) for one in claim.secrets]
        known = [one for one in secrets if one is not None]
        if not known:
            return Answer("unsigned")
        body = claim.body.encode()
        headers = {"content-type": "application/json", "user-agent": "tunegate"}
        headers |= signed_headers(claim.id, int(time.time()), body, known)
        return await self._sender.post(claim.url, headers, body)

    def _settle(self, claim: Claim, answer: Answer, pause: float | None) -> None:
        last = WebhookTry(now(), answer.outcome, answer.status)
        given_up = pause is None and answer.outcome != "delivered"
        detail = {"webhook": claim.webhook, "outcome": answer.outcome, "tries": claim.tries + 1}
        deeds = [Deed(ACTOR, "webhook.message_given_up", detail)] if given_up else []
        self._outbox.settle(claim, last, next_in=pause, deeds=deeds)
        if not given_up:
            return
        if answer.outcome == "gone":
            self._disable(claim, "gone")
        elif self._outbox.took_nothing_since(claim.webhook, claim.created_at):
            self._disable(claim, "failing")

    def _disable(self, claim: Claim, why: str) -> None:
        _LOG.warning("webhook disabled", extra={"fields": {"webhook": claim.webhook, "why": why}})
        self._outbox.disable(claim, why, Deed(ACTOR, "webhook.disabled", {"why": why}))


@contextlib.asynccontextmanager
async def dispatching(outbox: Outbox, settings: Settings) -> AsyncIterator[None]:
    """The outbox is worked off while the block runs; what stands in it waits where no address is listed.

    Raises:
        TuneGateError: `environment` when there is no key to sign with.
    """
    if not settings.webhooks:
        yield
        return
    secrets = secrets_of(settings.home, settings.webhook_key_file)
    dispatcher = Dispatcher(outbox, Sender(settings.webhooks, private=settings.webhooks_private), secrets)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])
        await dispatcher.finish(_GRACE_SECONDS)
