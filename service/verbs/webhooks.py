"""webhooks: who is told what becomes of a project's work, how that went, and again."""

from __future__ import annotations

import uuid
from typing import Annotated, get_args
from urllib.parse import urlsplit

import msgspec

from service.allowed_addresses import plain_address, trusted
from service.clock import later
from service.errors import ErrorItem, TuneGateError
from service.records.access import Action, Deed
from service.records.webhook import EndType, NewWebhook, Webhook, WebhookDelivery
from service.store.outbox import KeptSecret
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.webhooks.secrets import Secrets, secrets_of, shown

MOST_WEBHOOKS = 20
MOST_WAITING = 1_000
EVENTS: tuple[EndType, ...] = get_args(EndType)
_LONGEST_URL = 2_000


class WebhookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/webhooks`: an address below one that the operator lists, and what it wants to be told."""

    url: Annotated[str, msgspec.Meta(max_length=_LONGEST_URL)]
    events: Annotated[list[EndType], msgspec.Meta(min_length=1, max_length=len(EVENTS))] = msgspec.field(
        default_factory=lambda: list(EVENTS)
    )


class WebhookList(msgspec.Struct, frozen=True):
    """A page of webhooks; `next` is the cursor of the page after it."""

    items: list[Webhook]
    next: str | None


class DeliveryList(msgspec.Struct, frozen=True):
    """A page of deliveries; `next` is the cursor of the page after it."""

    items: list[WebhookDelivery]
    next: str | None


def create(context: Context, request: WebhookRequest) -> NewWebhook:
    """A new webhook with its secret, which is not kept.

    Raises:
        TuneGateError: `invalid_input`, `endpoint_not_allowed`, `quota_exceeded`, `environment`.
    """
    _require_allowed(context, request.url)
    identifier = str(uuid.uuid4())
    secrets = _secrets(context)
    kept = secrets.new()
    events = [one for one in EVENTS if one in request.events]
    deed = _deed(context, "webhook.created", host=urlsplit(request.url).hostname)
    made = context.store.webhooks.add(request.url, events, kept, identifier, most=MOST_WEBHOOKS, deed=deed)
    return _with_secret(made, secrets, kept)


def list_webhooks(context: Context, *, cursor: str | None, limit: int) -> WebhookList:
    """A page of webhooks, the oldest first."""
    items, following = page_of(lambda after, most: context.store.webhooks.page(after=after, limit=most), cursor, limit)
    return WebhookList(items, following)


def remove(context: Context, identifier: str) -> None:
    """Remove a webhook, and with it every message that waits for it.

    Raises:
        TuneGateError: `unknown_id`.
    """
    context.store.webhooks.forget(identifier, _deed(context, "webhook.deleted"))


def new_secret(context: Context, identifier: str, *, overlap_hours: int) -> NewWebhook:
    """One more secret; messages are signed with all that there are, the earlier ones until the overlap ends.

    Raises:
        TuneGateError: `unknown_id`, `environment`.
    """
    context.store.webhooks.get(identifier)
    secrets = _secrets(context)
    kept = secrets.new()
    until = later(overlap_hours * 3_600)
    deed = _deed(context, "webhook.secret_made", others_until=until)
    changed = context.store.webhooks.exchange(identifier, kept, others_until=until, deed=deed)
    return _with_secret(changed, secrets, kept)


def enable(context: Context, identifier: str) -> Webhook:
    """Send to a disabled webhook again what happens from now on.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return context.store.webhooks.enable(identifier, _deed(context, "webhook.enabled"))


def ping(context: Context, identifier: str) -> WebhookDelivery:
    """Send a message that says nothing.

    Raises:
        TuneGateError: `unknown_id`, `webhook_disabled`, `quota_exceeded`.
    """
    return context.store.webhooks.ping(identifier, most=MOST_WAITING)


def deliveries(context: Context, identifier: str, *, cursor: str | None, limit: int) -> DeliveryList:
    """A page of the messages to a webhook, the oldest first; what ended is kept for 30 days.

    Raises:
        TuneGateError: `unknown_id`.
    """
    items, following = page_of(
        lambda after, most: context.store.webhooks.deliveries(identifier, after=after, limit=most), cursor, limit
    )
    return DeliveryList(items, following)


def retry(context: Context, identifier: str, delivery: str) -> WebhookDelivery:
    """Send a message once more, under the same id and with all its tries.

    Raises:
        TuneGateError: `unknown_id`, `webhook_disabled`, `quota_exceeded`.
    """
    return context.store.webhooks.again(identifier, delivery, most=MOST_WAITING)


def _require_allowed(context: Context, url: str) -> None:
    if not plain_address(url) or not trusted(url):
        allowed = "https://HOST[:PORT]/PATH, or http on a loopback address; no user, no fragment"
        raise TuneGateError(
            "invalid_input", "The address cannot be a webhook.", errors=[ErrorItem("url", "something else", allowed)]
        )
    listed = context.settings.webhooks
    if not any(one.holds(url) for one in listed):
        errors = [ErrorItem("url", "not allowed here", ", ".join(sorted(one.address for one in listed)) or "none is")]
        raise TuneGateError(
            "endpoint_not_allowed",
            "The address is not among those that the operator allows.",
            remedy="The operator lists it, or a part above it, in TUNEGATE_WEBHOOKS.",
            errors=errors,
        )


def _secrets(context: Context) -> Secrets:
    return secrets_of(context.settings.home, context.settings.webhook_key_file)


def _deed(context: Context, action: Action, **detail: str | None) -> Deed:
    return Deed(context.caller.actor, action, detail)


def _with_secret(webhook: Webhook, secrets: Secrets, kept: KeptSecret) -> NewWebhook:
    secret = secrets.of(webhook.id, kept)
    assert secret is not None
    return NewWebhook(**msgspec.structs.asdict(webhook), secret=shown(secret))
